"""License keys that a buyer gets without naming them: from the stock, or generated."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_licensing.assignment import endpoints
from flask_licensing.errors import IncorrectData
from flask_licensing.models import AuditRecord, LicenseKey
from flask_licensing.signals import license_key_assigned
from tests.hosts import set_up_licensing
from tests.test_statements import counted_statements

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.gunicorn_server import GunicornServer
    from tests.hosts import Host

NAME = "random-assign-license-keys"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901)


def _stock(host: Host, count: int, **fields: str) -> list[str]:
    keys = [f"KEY-{number:04}" for number in range(count)]
    assert host.create(license_keys=json.dumps(keys), **fields)["code"] == 900
    return keys


def _buy(host: Host, **fields: Any) -> dict[str, Any]:
    return host.ask(NAME, **{"product_id": str(host.product_id)} | fields)


def _texts(answer: dict[str, Any]) -> list[str]:
    return [record["license_key"] for record in answer["license_keys"]]


def test_a_record_has_exactly_the_columns_of_the_clients_table(create_host: Callable[..., Host]) -> None:
    host = create_host(clock=lambda: NOW)
    _stock(host, 1, activation_limit="2", validity="365")
    (record,) = _buy(host, owner_name="Zoë", owner_email="Not set")["license_keys"]
    with host.app.app_context():
        (row,) = host.db.session.execute(sa.select(LicenseKey.id, LicenseKey.assigned_at))
    assert list(record.items()) == [
        ("product_id", host.product_id),
        ("license_key", "KEY-0000"),
        ("activation_limit", 2),
        ("validity", 365),
        ("status", "assigned"),
        ("owner_name", "Zoë"),
        ("owner_email", "Not set"),
        ("assigned_at", "2026-01-02T03:04:05.678901Z"),
        ("contract_id", None),
        ("updated_at", "2026-01-02T03:04:05.678901Z"),
        ("created_at", "2026-01-02T03:04:05.678901Z"),
        ("id", row.id),
        ("meta_data", []),
    ]
    assert row.assigned_at == NOW.replace(microsecond=0)


def test_as_many_as_were_asked_for_are_assigned_and_no_others(host_on_each_database: Host) -> None:
    host = host_on_each_database
    keys = _stock(host, 8)
    answer = _buy(host, quantity="5", owner_name="Zoë")
    assert answer["code"] == 803
    with host.app.app_context():
        stored = {key.license_key: key.terms for key in host.licensing.list_license_keys()}
    assigned = [text for text, terms in stored.items() if terms.status == "assigned"]
    assert sorted(_texts(answer)) == sorted(assigned)
    assert len(assigned) == 5
    assert {(terms.owner_name, terms.status) for terms in stored.values()} == {("Zoë", "assigned"), (None, "available")}
    assert sorted(_texts(_buy(host, quantity="3"))) == sorted(set(keys) - set(assigned))
    assert _buy(host)["available_quantity"] == 0


def test_without_a_quantity_it_is_one_and_without_an_owner_there_is_none(host: Host) -> None:
    _stock(host, 2)
    (record,) = _buy(host)["license_keys"]
    assert (record["owner_name"], record["owner_email"]) == (None, None)


def test_what_is_refused_assigns_nothing_and_says_how_many_there_are(host: Host) -> None:
    _stock(host, 2)
    host.create(license_keys='["BLOCKED"]', status="blocked")
    answer = _buy(host, quantity="3")
    assert (answer["code"], answer["available_quantity"]) == (802, 2)
    assert len(_buy(host, quantity="2")["license_keys"]) == 2


@pytest.mark.parametrize("product_id", [None, "", "0", "21", "x", "99999999999"])
def test_an_unknown_product_comes_before_everything_else(host: Host, product_id: str | None) -> None:
    fields = {} if product_id is None else {"product_id": product_id}
    assert host.ask(NAME, generate="1", **fields)["code"] == 805


def test_license_keys_of_an_inactive_product_are_assigned(host: Host) -> None:
    _stock(host, 1)
    with host.app.app_context():
        host.db.session.execute(sa.text("UPDATE licensing_products SET status = 'inactive'"))
        host.db.session.commit()
    assert _buy(host)["code"] == 803


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": "0"},
        {"quantity": "1001"},
        {"quantity": "-1"},
        {"quantity": "seven"},
        {"quantity": "1.0"},
        {"generate": "2"},
        {"generate": "true"},
        {"owner_name": "x" * 256},
        {"owner_email": "a\x00b"},
    ],
)
def test_a_wrong_field_is_a_malformed_request_and_assigns_nothing(host: Host, wrong: dict[str, str]) -> None:
    _stock(host, 1)
    assert _buy(host, **wrong)["code"] == 9400
    assert _buy(host)["code"] == 803


def test_the_longest_owner_and_the_largest_quantity_are_taken_and_what_is_for_the_queue_is_ignored(host: Host) -> None:
    _stock(host, 1000)
    owner = {"owner_name": "x" * 255, "owner_email": "y" * 255}
    answer = _buy(host, quantity="1000", generate="0", webhook_url="no URL", identifier="x" * 300, **owner)
    assert answer["code"] == 803
    assert len(set(_texts(answer))) == 1000


def test_with_generate_new_ones_are_made_by_the_newest_active_generator(host: Host) -> None:
    _stock(host, 1)
    assert _buy(host, generate="1")["code"] == 806
    with host.app.app_context():
        for prefix, active in (("OLD-", True), ("NEW-", True), ("OFF-", False)):
            host.licensing.create_generator(
                host.product_id, "uuid", prefix=prefix, activation_limit=3, validity=30, active=active
            )
    answer = _buy(host, generate="1", quantity="7", owner_name="Zoë")
    assert answer["code"] == 803
    assert len({text for text in _texts(answer) if text.startswith("NEW-")}) == 7
    first = answer["license_keys"][0]
    assert (first["status"], first["owner_name"], first["activation_limit"], first["validity"]) == (
        "assigned",
        "Zoë",
        3,
        30,
    )
    assert host.ask("activate", license_key=first["license_key"], identifier="a")["code"] == 300
    assert _buy(host)["license_keys"][0]["license_key"] == "KEY-0000"


def test_it_is_signed_with_the_global_key_though_the_product_has_one(
    create_host: Callable[..., Host], private_key: str
) -> None:
    host = create_host(private_key_source=lambda _: private_key)
    _stock(host, 1)
    for code in (803, 802):
        answer = host.post({"product_id": str(host.product_id)}, path=f"/api/v1/{NAME}")
        assert (host.verified(answer)["code"], answer.get_json()["private_key_used"]) == (code, "global")


def test_an_idempotency_key_assigns_once(host: Host) -> None:
    _stock(host, 2)
    first, again = (
        host.post({"product_id": host.product_id}, path=f"/api/v1/{NAME}", headers={"Idempotency-Key": "order-1"})
        for _ in range(2)
    )
    assert first.data == again.data
    assert _buy(host)["code"] == 803


def test_an_order_is_one_audit_record_and_each_license_key_one_signal(host: Host) -> None:
    _stock(host, 3)
    sent: list[str] = []

    def receive(_: Flask, license_key: Any) -> None:
        sent.append(license_key.license_key)

    with license_key_assigned.connected_to(receive):
        answer = _buy(host, quantity="3")
    assert sent == _texts(answer)
    first, last = answer["license_keys"][0]["id"], answer["license_keys"][-1]["id"]
    with host.app.app_context():
        record = next(iter(host.licensing.audit_log(limit=1))).event
    assert (record.action, record.product_id) == ("license-keys-assigned", host.product_id)
    assert record.target == f"license-keys:{first}-{last} (3)"


def test_the_number_of_statements_does_not_grow_with_the_quantity(host_on_each_database: Host) -> None:
    host = host_on_each_database
    _stock(host, 600)
    with host.app.app_context():
        dialect = host.db.engine.dialect.name
    _buy(host)
    with counted_statements(host) as one:
        _buy(host)
    with counted_statements(host) as many:
        _buy(host, quantity="500")
    assert len(many) == len(one) <= 9, many
    begin_to_write = 1 if dialect == "sqlite" else 0
    for table, writes in ((LicenseKey, 1 + begin_to_write), (AuditRecord, 1)):
        verbs = (f"UPDATE {table.__tablename__} ", f"INSERT INTO {table.__tablename__} ")
        assert sum(statement.startswith(verbs) for statement in many) == writes, many


def test_a_license_key_whose_expiry_would_be_past_the_year_9999_is_assigned_and_never_expires(host: Host) -> None:
    _stock(host, 1, validity=str((datetime.max - datetime(1000, 1, 1)).days))
    assert _buy(host)["code"] == 803
    assert host.ask("activate", license_key="KEY-0000", identifier="a")["code"] == 300


def test_the_method_does_the_same_and_joins_the_transaction_of_the_host(host: Host) -> None:
    _stock(host, 3)
    with host.app.app_context():
        given = host.licensing.random_assign_license_keys(host.product_id, quantity=2, owner_name="Zoë", commit=False)
        assert len(given.license_keys) == 2
        host.db.session.rollback()
        given = host.licensing.random_assign_license_keys(host.product_id, quantity=3)
        assert given.code.number == 803
        refused = host.licensing.random_assign_license_keys(host.product_id)
        assert (refused.code.number, refused.available) == (802, 0)
        assert host.licensing.random_assign_license_keys(host.product_id, generate=True).code.number == 806
        with pytest.raises(IncorrectData, match="must not be greater than 1000"):
            host.licensing.random_assign_license_keys(host.product_id, quantity=1001)


def test_the_command_prints_the_license_keys_or_why_there_are_none(host: Host) -> None:
    keys = _stock(host, 2)
    run = host.app.test_cli_runner().invoke
    command = ["licensing", NAME, "--product", str(host.product_id)]
    assert run(args=[*command, "--quantity", "2", "--owner-name", "Zoë"]).output.splitlines() == keys
    refused = run(args=command)
    assert (refused.exit_code, refused.output) == (1, "802 Insufficient license keys: 0 are available\n")
    as_json = run(args=[*command, "--generate", "--json"])
    assert json.loads(as_json.output) == {
        "code": 806,
        "message": "Generator not found",
        "available_quantity": None,
        "license_keys": [],
    }


# Buyers at the same moment


@pytest.mark.parametrize("database_url", ["postgresql", "mariadb"], indirect=True)
def test_sixteen_buyers_get_license_keys_while_none_of_them_has_committed(
    database_url: str, private_key: str, public_key: str
) -> None:
    """Each waits for all others with its transaction open: had one to wait for another, none would go on."""
    buyers = 16
    app = Flask("shop")
    app.config.update(
        SQLALCHEMY_DATABASE_URI=database_url, SQLALCHEMY_ENGINE_OPTIONS={"pool_size": buyers}, TESTING=True
    )
    host = set_up_licensing(app, private_key, public_key)
    _stock(host, buyers * 3)
    all_have_bought = threading.Barrier(buyers, timeout=30)

    def buy(_: int) -> list[str]:
        with host.app.app_context():
            given = host.licensing.random_assign_license_keys(host.product_id, quantity=3, commit=False)
            all_have_bought.wait()
            host.db.session.commit()
            return [key.license_key for key in given.license_keys]

    with ThreadPoolExecutor(buyers) as pool:
        bought = [key for keys in pool.map(buy, range(buyers)) for key in keys]
    assert len(set(bought)) == len(bought) == buyers * 3
    assert _buy(host)["available_quantity"] == 0
    with host.app.app_context():
        host.db.engine.dispose()


@pytest.mark.parametrize("database_url", ["postgresql", "mariadb"], indirect=True)
def test_nobody_is_refused_because_another_holds_the_license_keys_and_may_give_them_back(
    host_on_each_database: Host,
) -> None:
    host = host_on_each_database
    _stock(host, 2)
    with host.app.app_context(), ThreadPoolExecutor(1) as pool:
        host.licensing.random_assign_license_keys(host.product_id, commit=False)
        waiting = pool.submit(_buy, host, quantity="2")
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.5)
        host.db.session.rollback()
        assert waiting.result()["code"] == 803


def test_what_can_not_be_committed_in_time_is_rolled_back_and_answered_so(
    host_on_each_database: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "LONGEST_SECONDS", 0.5)
    host = host_on_each_database
    _stock(host, 2)
    with host.app.app_context(), ThreadPoolExecutor(1) as pool:
        host.licensing.random_assign_license_keys(host.product_id, commit=False)
        assert pool.submit(_buy, host, quantity="2").result()["code"] == 9503
        host.db.session.rollback()
    assert len(_buy(host, quantity="2")["license_keys"]) == 2


def test_processes_that_sell_at_once_sell_each_license_key_once(
    host_on_each_database: Host, serve: Callable[..., AbstractContextManager[GunicornServer]]
) -> None:
    host = host_on_each_database
    _stock(host, 100)

    def buy_until_refused(client: int) -> tuple[list[str], dict[str, Any]]:
        bought: list[str] = []
        while True:
            fields = {"product_id": str(host.product_id), "quantity": str(client % 7 + 1), "owner_name": str(client)}
            answer = json.loads(server.send(host, NAME, fields).body)["response"]
            if answer["code"] == 802:
                return bought, answer
            if answer["code"] == 803:
                bought += _texts(answer)

    with serve(host, workers=3) as server, ThreadPoolExecutor(8) as pool:
        results = list(pool.map(buy_until_refused, range(8)))
    sold = [key for keys, _ in results for key in keys]
    assert len(set(sold)) == len(sold)
    owners = {key: str(client) for client, (keys, _) in enumerate(results) for key in keys}
    with host.app.app_context():
        stored = host.licensing.list_license_keys(limit=1000, status="assigned")
        assert {key.license_key: key.terms.owner_name for key in stored} == owners
    # The client that wants one at a time takes what the others can't use.
    assert len(sold) == 100
    assert all(refusal["available_quantity"] < client % 7 + 1 for client, (_, refusal) in enumerate(results))
