"""A shop as shipped plugins are: the form it sends, the table it inserts records into as they come, and its webhook.

The plugins ask with PHP's ``http_build_query``, insert each member of a record as a column of a table of theirs, and
store nothing and say nothing where the table has no such column. A delivery in any other form than the one that they
know they ignore with a 200, and one that comes twice they store twice.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from flask_licensing.queue import delivery
from flask_licensing.testing.parts import FrozenClock
from flask_licensing.verification import verify_response
from tests.foreign_clients import run_php
from tests.webhook_receiver import Received, Receiver, running_receiver, status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.gunicorn_server import GunicornServer
    from tests.hosts import Host

COLUMNS = (
    "product_id, license_key, activation_limit, validity, status, owner_name, owner_email, assigned_at, contract_id,"
    " updated_at, created_at, id, meta_data"
)
PAID = 7

SEND = """
$body = http_build_query(json_decode($argv[2], true));
$options = ["http" => ["method" => "POST", "content" => $body, "ignore_errors" => true,
    "header" => "Content-Type: application/x-www-form-urlencoded"]];
echo file_get_contents($argv[1], false, stream_context_create($options));
"""
"""A request as the plugins send it: PHP writes booleans as 1 and 0 and leaves out null."""


@dataclass
class Shop:
    """A shop's table of license keys, and what its webhook does once it has stored what it got."""

    public_key: str
    rows: sqlite3.Connection
    after_storing: Callable[[], bytes] = lambda: status(200)
    before_storing: list[bytes] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.rows.execute(f"CREATE TABLE license_keys ({COLUMNS}, order_id)")

    def insert(self, record: dict[str, Any], order_id: str) -> None:
        """Insert a record as it comes; say nothing where that fails."""
        values = {name: json.dumps(value) if isinstance(value, list) else value for name, value in record.items()}
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        with self.lock, suppress(sqlite3.Error):
            self.rows.execute(
                f"INSERT INTO license_keys ({names}, order_id) VALUES ({marks}, ?)",  # noqa: S608 - the record's members
                [*values.values(), order_id],
            )

    def webhook(self, request: Received) -> bytes:
        """Store what is delivered in the one form that is known."""
        if self.before_storing:
            return self.before_storing.pop(0)
        delivered = json.loads(request.body)
        response = delivered.get("original", {}).get("response", {})
        if delivered.get("exception") is not None or response.get("code") != 803:
            return status(200)
        verify_response(json.dumps(delivered["original"]), self.public_key)
        for record in response["license_keys"]:
            self.insert(record, response["identifier"])
        return self.after_storing()

    def stored(self, order_id: str) -> list[str]:
        """The license keys of an order, one for each row."""
        rows = self.rows.execute("SELECT license_key FROM license_keys WHERE order_id = ?", [order_id])
        return [license_key for (license_key,) in rows]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def site(create_host: Callable[..., Host], clock: FrozenClock) -> Host:
    host = create_host(clock=clock, webhook_allowed_networks=["127.0.0.0/8"])
    with host.app.app_context():
        host.licensing.create_generator(host.product_id, "uuid", activation_limit=1, validity=365)
    return host


@pytest.fixture
def shop(public_key: str) -> Iterator[Shop]:
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as rows:
        yield Shop(public_key, rows)


def _order(host: Host, order_id: str, **fields: Any) -> dict[str, Any]:
    """What a plugin sends for an order, as PHP has it."""
    return {
        "api_key": host.secret,
        "product_id": host.product_id,
        "quantity": PAID,
        "generate": True,
        "owner_name": "Zoë Müller & Söhne",
        "owner_email": "Not set",
        "identifier": order_id,
        **fields,
    }


def _form(order: dict[str, Any]) -> str:
    """Return the form that ``http_build_query`` makes."""
    return urlencode({name: int(value) if isinstance(value, bool) else value for name, value in order.items()})


def _queue(host: Host, order: dict[str, Any]) -> dict[str, Any]:
    answer = host.app.test_client().post(
        "/api/v1/random-assign-license-keys-queued",
        data=_form(order),
        content_type="application/x-www-form-urlencoded",
    )
    return host.verified(answer)


def _work(host: Host, clock: FrozenClock) -> None:
    """Work the queue for two days."""
    for minutes in (0, 1, 5, 15, 60, 360, 2440):
        clock.move(minutes=minutes)
        with host.app.app_context():
            host.licensing.work_queue()


@contextmanager
def _receiving(shop: Shop, port: int = 0) -> Iterator[Receiver]:
    with running_receiver(port) as receiver:
        receiver.answer = shop.webhook
        yield receiver


@pytest.mark.parametrize("webhook", ["answers 200", "500 then 200", "hangs", "closes", "is away at first"])
def test_seven_paid_license_keys_are_seven_rows_whatever_the_webhook_does(
    site: Host, shop: Shop, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, webhook: str
) -> None:
    monkeypatch.setattr(delivery, "ANSWER_SECONDS", 0.5)
    with running_receiver() as away:
        url = away.url
    if webhook == "is away at first":
        assert _queue(site, _order(site, "4711", webhook_url=url))["code"] == 807
        with site.app.app_context():
            site.licensing.work_queue()
    with _receiving(shop, away.port) as receiver:
        if webhook == "500 then 200":
            shop.before_storing = [status(500), status(502)]
        elif webhook == "hangs":
            shop.after_storing = receiver.hang
        elif webhook == "closes":
            shop.after_storing = lambda: b""
        if webhook != "is away at first":
            assert _queue(site, _order(site, "4711", webhook_url=url))["code"] == 807
        _work(site, clock)
    stored = shop.stored("4711")
    assert len(stored) == len(set(stored)) == PAID
    with site.app.app_context():
        assigned = {key.license_key for key in site.licensing.list_license_keys(status="assigned")}
        (job,) = site.licensing.list_queue(["delivered", "unknown"])
    assert set(stored) == assigned
    assert job.status == ("unknown" if webhook in {"hangs", "closes"} else "delivered")


def test_what_was_cut_off_before_the_shop_stored_it_is_stored_once_an_operator_tries_it_again(
    site: Host, shop: Shop, clock: FrozenClock
) -> None:
    shop.before_storing = [b""]
    with _receiving(shop) as receiver:
        _queue(site, _order(site, "4711", webhook_url=receiver.url))
        _work(site, clock)
        assert shop.stored("4711") == []
        with site.app.app_context():
            (job,) = site.licensing.list_queue(["unknown"])
            site.licensing.retry_delivery(job.id)
        _work(site, clock)
    assert len(set(shop.stored("4711"))) == len(shop.stored("4711")) == PAID


def test_a_shop_that_asks_with_php_gets_rows_that_its_table_takes(
    shared_server: tuple[Host, GunicornServer], shop: Shop
) -> None:
    host, server = shared_server
    host.create(license_keys=json.dumps([f"PHP-{number}" for number in range(PAID)]))
    url = f"http://127.0.0.1:{server.port}/api/v1/random-assign-license-keys"
    order = _order(host, "4711", generate=False, webhook_url=None)
    response = verify_response(run_php(SEND, "", url, json.dumps(order)), host.public_key).response
    for record in response["license_keys"]:
        shop.insert(record, "4711")
    assert len(set(shop.stored("4711"))) == PAID
    assert {record["owner_name"] for record in response["license_keys"]} == {"Zoë Müller & Söhne"}
