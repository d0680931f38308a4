"""Selling for the orders of a shop: once for each order, from stock or new, refunded, renewed."""

from __future__ import annotations

import dataclasses
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from flask_licensing.errors import (
    InactiveProduct,
    IncorrectData,
    InsufficientLicenseKeys,
    OtherQuantity,
    TransactionConflict,
    UnknownOrder,
)
from flask_licensing.models import Order, Product, SoldLicenseKey
from flask_licensing.signals import license_key_assigned, order_refunded, order_renewed, order_sold
from flask_licensing.testing.contracts.key_store import with_retries
from tests.test_statements import counted_statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flask_licensing.hooks import LicenseKey
    from tests.hosts import Host

NOW = datetime(2026, 3, 1, 12, 0, 0)
BUYERS = 8


class Clock:
    """A clock that stands until it is set."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock of the shop."""
    return Clock()


@pytest.fixture
def shop(create_host: Callable[..., Host], clock: Clock) -> Iterator[Host]:
    """A shop whose app context is there, with the license keys A to E, for 30 days."""
    host = create_host(clock=clock)
    host.create(license_keys='["A", "B", "C", "D", "E"]', validity="30")
    with host.app.app_context():
        yield host


def _sell(shop: Host, order_id: str = "1001", quantity: int = 1, **given: Any) -> Sequence[LicenseKey]:
    sold = {"owner_email": "zoe@example.org", "owner_name": "Zoë", **given}
    return shop.licensing.sell(sold.pop("product_id", shop.product_id), order_id=order_id, quantity=quantity, **sold)


def _texts(keys: Sequence[LicenseKey]) -> list[str]:
    return [key.license_key for key in keys]


def _available(shop: Host) -> int:
    return shop.licensing.count_available_license_keys(shop.product_id)


def _in_threads(host: Host, work: Callable[[int], Any], threads: int = BUYERS) -> list[Any]:
    start = threading.Barrier(threads)

    def run(number: int) -> Any:
        start.wait()
        with host.app.app_context():
            return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def test_an_order_gets_license_keys_of_the_stock_that_are_its_buyers_from_now_on(shop: Host) -> None:
    keys = _sell(shop, quantity=2)
    assert _texts(keys) == ["A", "B"]
    for key in keys:
        assert (key.terms.status, key.terms.owner_name, key.terms.owner_email) == ("assigned", "Zoë", "zoe@example.org")
        assert key.expires_at == NOW + timedelta(days=30)
    assert _available(shop) == 3
    assert shop.licensing.activate("A", "machine").code.number == 300


def test_the_same_order_gets_the_same_license_keys_again(shop: Host) -> None:
    first = _sell(shop, quantity=2)
    again = _sell(shop, quantity=2, owner_name="Another spelling", owner_email="another@example.org")
    assert list(again) == list(first)
    assert _available(shop) == 3
    assert _texts(_sell(shop, "1002", 2)) == ["C", "D"]


def test_order_ids_are_trimmed_and_compared_exactly(shop: Host) -> None:
    assert _texts(_sell(shop, "a")) == _texts(_sell(shop, " a ")) == ["A"]
    assert _texts(_sell(shop, "A")) == ["B"]
    assert _texts(_sell(shop, "ä")) == ["C"]


def test_an_order_may_have_several_products(shop: Host) -> None:
    other = shop.licensing.create_product("Video Editor").id
    terms: dict[str, Any] = {"activation_limit": 0, "validity": 0, "status": "available"}
    shop.licensing.create_license_keys(["V"], product_id=other, **terms)
    assert _texts(_sell(shop)) == ["A"]
    assert _texts(_sell(shop, product_id=other)) == ["V"]
    assert _texts(_sell(shop)) == ["A"]
    assert _texts(shop.licensing.refund("1001")) == ["A", "V"]


def test_without_enough_stock_all_are_new_and_the_stock_stays(shop: Host) -> None:
    generator = shop.licensing.create_generator(shop.product_id, "uuid", activation_limit=3, validity=90, prefix="N-")
    keys = _sell(shop, quantity=6)
    assert [key.license_key[:2] for key in keys] == ["N-"] * 6
    assert {(key.terms.activation_limit, key.terms.validity, key.terms.status) for key in keys} == {(3, 90, "assigned")}
    assert {key.expires_at for key in keys} == {NOW + timedelta(days=90)}
    assert list(_sell(shop, quantity=6)) == list(keys)
    assert _available(shop) == 5
    shop.licensing.update_generator(generator.id, active=False)
    with pytest.raises(InsufficientLicenseKeys):
        _sell(shop, "1002", 6)


def test_too_few_license_keys_are_told_with_the_numbers_and_nothing_is_sold(shop: Host) -> None:
    _sell(shop, quantity=2)
    with pytest.raises(InsufficientLicenseKeys) as insufficient:
        _sell(shop, "1002", 4)
    assert (insufficient.value.wanted, insufficient.value.available) == (4, 3)
    assert "4 license keys of product 1 were to be sold and 3 are available" in str(insufficient.value)
    assert _available(shop) == 3
    with pytest.raises(UnknownOrder):
        shop.licensing.refund("1002")
    assert len(_sell(shop, "1002", 3)) == 3


def test_an_order_that_failed_is_not_there_when_the_site_commits_what_else_it_did(shop: Host) -> None:
    with pytest.raises(InsufficientLicenseKeys):
        _sell(shop, quantity=6, commit=False)
    with pytest.raises(IncorrectData):
        _sell(shop, product_id=999, commit=False)
    shop.db.session.commit()
    assert shop.db.session.query(Order).count() == 0
    assert len(_sell(shop, quantity=5)) == 5


def test_another_quantity_for_the_same_order_is_refused(shop: Host) -> None:
    _sell(shop, quantity=2)
    with pytest.raises(OtherQuantity, match="2 license keys of this product were sold for this order before"):
        _sell(shop, quantity=1)
    assert _available(shop) == 3


def test_an_inactive_or_unknown_product_sells_nothing_new(shop: Host) -> None:
    sold = _sell(shop)
    shop.db.session.query(Product).update({"status": "inactive"})
    shop.db.session.commit()
    with pytest.raises(InactiveProduct, match="Product 1 is not active"):
        _sell(shop, "1002")
    with pytest.raises(IncorrectData, match="The selected product id is invalid"):
        _sell(shop, "1002", product_id=999)
    assert list(_sell(shop)) == list(sold)
    assert _available(shop) == 4


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"order_id": ""}, "The order id field is required."),
        ({"order_id": "x" * 256}, "The order id field must not be longer than 255 characters."),
        ({"order_id": 7}, "The order id field must be a string."),
        ({"quantity": 0}, "The quantity field must be at least 1."),
        ({"quantity": 1001}, "The quantity field must not be greater than 1000."),
        ({"owner_email": "x\x00"}, "The owner email field must be text without control characters."),
        ({"product_id": "x"}, "The selected product id is invalid."),
    ],
)
def test_wrong_arguments_sell_nothing(shop: Host, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IncorrectData, match=sentence):
        _sell(shop, **given)
    assert _available(shop) == 5


def test_of_calls_for_one_order_at_once_all_get_the_same_license_keys(host_on_each_database: Host) -> None:
    host = host_on_each_database
    host.create(license_keys='["A", "B", "C", "D", "E"]')
    sold = _in_threads(host, lambda _: _texts(_sell(host, quantity=2)))
    assert len({tuple(keys) for keys in sold}) == 1
    with host.app.app_context():
        assert _available(host) == 3
        assert host.db.session.query(SoldLicenseKey).count() == 2


def test_orders_at_once_never_share_a_license_key(host_on_each_database: Host) -> None:
    host = host_on_each_database
    with host.app.app_context():
        host.licensing.create_generator(host.product_id, "readable", activation_limit=1, validity=30)
    host.create(license_keys='["A", "B", "C"]')
    # On MariaDB those who wait for the last license key may deadlock.
    sold = _in_threads(host, lambda number: with_retries(lambda: _texts(_sell(host, f"order-{number}"))))
    texts = [key for keys in sold for key in keys]
    assert len(set(texts)) == BUYERS
    assert set(texts) > {"A", "B", "C"}


@pytest.mark.parametrize("database_url", ["postgresql", "mariadb"], indirect=True)
def test_a_transaction_that_has_read_before_sees_what_another_sold_since(host_on_each_database: Host) -> None:
    host = host_on_each_database
    host.create(license_keys='["A", "B", "C"]', validity="30")
    with host.app.app_context():
        assert _available(host) == 3
        host.db.session.execute(sa.select(Order)).all()
        (sold,) = _in_threads(host, lambda _: _texts(_sell(host, quantity=2)), 1)
        _in_threads(host, lambda _: host.licensing.renew("1001", days=5, renewal_id="i"), 1)
        assert _texts(_sell(host, quantity=2, commit=False)) == sold
        # MariaDB keeps to what was there at the first read, of everything that is not locked.
        is_told = pytest.raises(TransactionConflict) if host.db.engine.name == "mysql" else nullcontext()
        with is_told:
            host.licensing.renew("1001", days=5, renewal_id="i", commit=False)
        host.db.session.rollback()
        keys = host.licensing.renew("1001", days=5, renewal_id="i")
        assert [(key.license_key, key.terms.validity) for key in keys] == [("A", 35), ("B", 35)]


@pytest.mark.parametrize("database_url", ["postgresql", "mariadb"], indirect=True)
def test_who_waits_for_the_last_license_key_does_not_get_in_the_way_of_who_has_it(host_on_each_database: Host) -> None:
    host = host_on_each_database
    # With few rows MariaDB would not look into the index, whose locks are what gets in the way.
    host.create(license_keys=json.dumps([f"SOLD-{number}" for number in range(300)]), status="reserved")
    host.create()

    def sell_in_a_thread() -> None:
        with host.app.app_context():
            _sell(host, "waits")

    with host.app.app_context(), ThreadPoolExecutor(1) as pool:
        store: Any = host.licensing.state.key_store
        assert len(store.lock_available_license_keys(host.product_id, 1)) == 1
        waiting = pool.submit(sell_in_a_thread)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.5)
        assert _texts(_sell(host, "has it")) == ["AAAA-1111"]
        with pytest.raises(InsufficientLicenseKeys, match="1 license keys of product 1 were to be sold and 0"):
            waiting.result()


def test_a_refund_and_a_renewal_at_once_are_both_made_once(host_on_each_database: Host) -> None:
    host = host_on_each_database
    host.create(license_keys='["A", "B"]', validity="30")
    with host.app.app_context():
        _sell(host, quantity=2)

    def change(number: int) -> None:
        if number % 2:
            host.licensing.refund("1001")
        else:
            host.licensing.renew("1001", days=5, renewal_id="invoice-1")

    _in_threads(host, change)
    with host.app.app_context():
        keys = host.licensing.list_license_keys()
        actions = [record.event.action for record in host.licensing.audit_log()]
    assert {(key.terms.status, key.terms.validity) for key in keys} == {("blocked", 35)}
    assert (actions.count("order-refunded"), actions.count("order-renewed")) == (1, 1)


def test_a_sale_makes_a_fixed_number_of_statements_and_so_does_a_repetition(host_on_each_database: Host) -> None:
    host = host_on_each_database
    texts = ", ".join(f'"KEY-{number:04}"' for number in range(200))
    host.create(license_keys=f"[{texts}]")
    with host.app.app_context():
        _sell(host, "warm")
        for order_id, quantity in (("one", 1), ("many", 100)):
            with counted_statements(host) as sale:
                _sell(host, order_id, quantity)
            with counted_statements(host) as repetition:
                _sell(host, order_id, quantity)
            to_lock_sqlite = [statement for statement in sale if "licensing_license_keys SET id" in statement]
            assert (len(sale) - len(to_lock_sqlite), len(repetition)) == (7, 3), (sale, repetition)


def test_a_sale_joins_the_sites_transaction(shop: Host) -> None:
    assert _texts(_sell(shop, commit=False)) == ["A"]
    shop.db.session.rollback()
    assert _available(shop) == 5
    assert _texts(_sell(shop, "1002", commit=False)) == ["A"]
    shop.licensing.renew("1002", days=5, renewal_id="i", commit=False)
    shop.licensing.refund("1002", commit=False)
    shop.db.session.commit()
    (key,) = shop.licensing.list_license_keys(license_key="A")
    assert (key.terms.status, key.terms.validity) == ("blocked", 35)


def test_a_refund_blocks_the_license_keys_of_the_order_alone_and_once(shop: Host) -> None:
    _sell(shop, quantity=2)
    _sell(shop, "1002")
    assert [(key.license_key, key.terms.status) for key in shop.licensing.refund("1001")] == [
        ("A", "blocked"),
        ("B", "blocked"),
    ]
    assert shop.licensing.verify("C", "machine").code.number == 202
    shop.licensing.update_license_key("A", status="assigned")
    assert [key.terms.status for key in shop.licensing.refund("1001")] == ["assigned", "blocked"]
    assert [key.terms.status for key in _sell(shop, quantity=2)] == ["assigned", "blocked"]


def test_a_refund_goes_on_without_license_keys_that_were_deleted(shop: Host) -> None:
    _sell(shop, quantity=2)
    shop.licensing.delete_license_key("A")
    assert _texts(_sell(shop, quantity=2)) == ["B"]
    assert [(key.license_key, key.terms.status) for key in shop.licensing.refund("1001")] == [("B", "blocked")]
    shop.licensing.delete_license_key("B")
    assert list(_sell(shop, quantity=2)) == []
    assert list(shop.licensing.renew("1001", days=1)) == []
    assert _available(shop) == 3


def test_what_was_sold_is_followed_when_it_is_replaced(shop: Host) -> None:
    _sell(shop)
    shop.licensing.replace_license_key("A", "A-2")
    assert _texts(_sell(shop)) == ["A-2"]
    assert [(key.license_key, key.terms.status) for key in shop.licensing.refund("1001")] == [("A-2", "blocked")]


def test_a_license_key_that_went_back_to_stock_is_not_blocked(shop: Host) -> None:
    _sell(shop)
    shop.licensing.update_license_key("A", status="available")
    shop.licensing.refund("1001")
    assert _available(shop) == 5


@pytest.mark.parametrize("path", ["sold", "assigned"])
def test_a_license_key_that_somebody_else_has_by_now_is_left_alone(shop: Host, clock: Clock, path: str) -> None:
    _sell(shop)
    shop.licensing.update_license_key("A", status="available")
    clock.now += timedelta(seconds=1)
    if path == "sold":
        assert _texts(_sell(shop, "1002", owner_email="bo@example.org")) == ["A"]
    else:
        shop.licensing.assign_license_key("A", owner_name="Bo")
    shop.licensing.renew("1001", days=5)
    shop.licensing.refund("1001")
    (key,) = shop.licensing.list_license_keys(license_key="A")
    assert (key.terms.status, key.terms.validity) == ("assigned", 30)


@pytest.mark.parametrize("change", [{"owner_name": "Zoë's firm"}, {"assigned_at": "2026-02-01 00:00:00"}])
def test_a_license_key_whose_owner_or_date_was_corrected_is_still_the_orders(
    shop: Host, change: dict[str, Any]
) -> None:
    _sell(shop)
    shop.licensing.update_license_key("A", **change)
    assert [key.terms.status for key in shop.licensing.refund("1001")] == ["blocked"]


def test_an_unknown_order_is_told(shop: Host) -> None:
    with pytest.raises(UnknownOrder, match="Nothing was sold for this order"):
        shop.licensing.refund("1001")
    with pytest.raises(UnknownOrder):
        shop.licensing.renew("1001", days=1)


@pytest.mark.parametrize(
    ("after", "validity"),
    [
        (timedelta(), 40),
        (timedelta(days=30) - timedelta(microseconds=1), 40),
        (timedelta(days=30), 40),
        (timedelta(days=30, seconds=1), 41),
        (timedelta(days=31), 41),
        (timedelta(days=100), 110),
        (timedelta(days=100, seconds=1), 111),
    ],
)
def test_a_renewal_begins_when_the_license_key_expires_or_now_where_it_has_expired(
    shop: Host, clock: Clock, after: timedelta, validity: int
) -> None:
    _sell(shop)
    clock.now = NOW + after
    (key,) = shop.licensing.renew("1001", days=10)
    assert key.terms.validity == validity
    assert shop.licensing.list_license_keys(license_key="A")[0].terms == key.terms
    assert key.expires_at is not None
    assert key.expires_at >= clock.now + timedelta(days=10)


def test_a_renewal_counts_once_for_each_payment_and_without_one_each_time(shop: Host) -> None:
    _sell(shop)
    _sell(shop, "1002")
    renewals = [("i-1", 40), ("i-1", 40), ("i-2", 50), ("i-1", 50), (None, 60), (None, 70), ("I-1", 80)]
    for renewal_id, validity in renewals:
        assert [key.terms.validity for key in shop.licensing.renew("1001", days=10, renewal_id=renewal_id)] == [
            validity
        ]
    assert [key.terms.validity for key in shop.licensing.renew("1002", days=10, renewal_id="i-1")] == [40]
    with pytest.raises(IncorrectData, match="The renewal id was used with another number of days"):
        shop.licensing.renew("1001", days=11, renewal_id="i-1")


def test_a_license_key_that_never_expires_stays_so_and_others_keep_their_own_lengths(shop: Host) -> None:
    _sell(shop, quantity=3)
    shop.licensing.update_license_key("A", validity=0)
    shop.licensing.update_license_key("B", validity=7)
    shop.licensing.update_license_key("C", status="reserved")
    assert [key.terms.validity for key in shop.licensing.renew("1001", days=10)] == [0, 17, 40]


@pytest.mark.parametrize("days", [0, -1, 3287182, "x", None])
def test_a_renewal_of_a_wrong_length_changes_nothing(shop: Host, days: Any) -> None:
    _sell(shop)
    with pytest.raises(IncorrectData):
        shop.licensing.renew("1001", days=days)
    assert _sell(shop)[0].terms.validity == 30


def test_a_renewal_past_the_year_9999_changes_nothing_and_may_be_made_shorter(shop: Host) -> None:
    _sell(shop)
    most = (datetime.max - NOW).days - 30
    with pytest.raises(IncorrectData, match="past the year 9999"):
        shop.licensing.renew("1001", days=most + 1, renewal_id="i")
    (key,) = shop.licensing.renew("1001", days=most, renewal_id="i")
    assert key.expires_at is not None
    assert key.expires_at.year == 9999


def test_what_is_done_for_orders_is_recorded_and_told_after_the_commit(shop: Host) -> None:
    told: list[tuple[str, Any]] = []
    signals = {"sold": order_sold, "renewed": order_renewed, "refunded": order_refunded}
    receivers = {name: (lambda _, order, name=name: told.append((name, order))) for name in signals}
    for name, signal in signals.items():
        signal.connect(receivers[name])
    assigned: list[str] = []

    def receive(_: object, license_key: LicenseKey) -> None:
        assigned.append(license_key.license_key)

    with license_key_assigned.connected_to(receive):
        sold = _sell(shop, quantity=2)
        _sell(shop, quantity=2)
        renewed = shop.licensing.renew("1001", days=1, renewal_id="i")
        shop.licensing.renew("1001", days=1, renewal_id="i")
        refunded = shop.licensing.refund("1001")
        shop.licensing.refund("1001")
    records = [record.event for record in shop.licensing.audit_log() if record.event.action.startswith("order-")]
    assert [(name, list(order.license_keys)) for name, order in told] == [
        ("sold", list(sold)),
        ("renewed", list(renewed)),
        ("refunded", list(refunded)),
    ]
    assert assigned == ["A", "B"]
    assert [(event.action, event.product_id, event.target) for event in reversed(records)] == [
        (f"order-{name}", shop.product_id, f"order:{order.id}") for name, order in told
    ]
    assert dataclasses.asdict(told[0][1])["order_id"] == "1001"


def test_orders_are_sold_renewed_and_refunded_with_commands(shop: Host) -> None:
    def run(*arguments: str) -> str:
        result = shop.app.test_cli_runner().invoke(args=["licensing", *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    owner = ["--owner-name", "Zoë", "--owner-email", "zoe@example.org"]
    sold = run("sell-license-keys", "1001", "--product", "1", "--quantity", "2", *owner)
    assert sold.splitlines() == [
        "1\tA\tproduct 1\tassigned\texpires 2026-03-31 12:00:00",
        "2\tB\tproduct 1\tassigned\texpires 2026-03-31 12:00:00",
    ]
    again = json.loads(run("sell-license-keys", "1001", "--product", "1", "--quantity", "2", "--json"))
    assert [(key["license_key"], key["terms"]["owner_name"]) for key in again] == [("A", "Zoë"), ("B", "Zoë")]
    for _ in range(2):
        (key, _) = json.loads(run("renew-order", "1001", "--days", "1", "--renewal", "invoice-1", "--json"))
        assert key["expires_at"] == "2026-04-01T12:00:00"
    shop.licensing.update_license_key("B", validity=0)
    assert run("refund-order", "1001").splitlines() == [
        "1\tA\tproduct 1\tblocked\texpires 2026-04-01 12:00:00",
        "2\tB\tproduct 1\tblocked\tnever expires",
    ]
    refused = shop.app.test_cli_runner().invoke(args=["licensing", "refund-order", "1002"])
    assert (refused.exit_code, refused.output) == (1, "Error: Nothing was sold for this order.\n")
