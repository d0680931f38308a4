"""How many SQL statements a request makes."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from flask_licensing.models import LicenseKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.hosts import Host


@contextmanager
def counted_statements(host: Host) -> Iterator[list[str]]:
    """Collect the statements that reach the database."""
    statements: list[str] = []

    def collect(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    with host.app.app_context():
        engine = host.db.engine
    sa.event.listen(engine, "before_cursor_execute", collect)
    try:
        yield statements
    finally:
        sa.event.remove(engine, "before_cursor_execute", collect)


def test_a_small_request_makes_four_statements_and_more_only_for_the_time_of_last_use(
    host_on_each_database: Host,
) -> None:
    with counted_statements(host_on_each_database) as first:
        host_on_each_database.create()
    with counted_statements(host_on_each_database) as second:
        host_on_each_database.create(license_keys='["B"]')
    assert len(second) == 4, second
    pragmas = [statement for statement in first if statement.startswith("PRAGMA")]
    assert len(first) - len(pragmas) == 6, first
    assert len(pragmas) in {0, 3}, "SQLite's waiting is turned off and on again"


def test_a_thousand_keys_make_no_more_statements_than_one(host_on_each_database: Host) -> None:
    host_on_each_database.create()
    keys = json.dumps([f"KEY-{number}" for number in range(1000)])
    with counted_statements(host_on_each_database) as statements:
        assert host_on_each_database.create(license_keys=keys)["created"] == 1000
    assert len(statements) == 4, statements


def test_an_idempotency_key_adds_two_statements_and_a_replay_makes_two_in_all(host_on_each_database: Host) -> None:
    host = host_on_each_database
    host.create()
    headers = {"Idempotency-Key": "order-1"}
    with counted_statements(host) as first:
        host.post(host.fields(license_keys='["B"]'), headers=headers)
    with counted_statements(host) as replay:
        host.post(host.fields(license_keys='["B"]'), headers=headers)
    assert (len(first), len(replay)) == (6, 2), (first, replay)


def test_an_unknown_and_an_inactive_api_key_are_refused_after_one_statement(host_on_each_database: Host) -> None:
    host = host_on_each_database
    with host.app.app_context():
        revoked = host.licensing.create_api_key("revoked")
        host.licensing.revoke_api_key(revoked.api_key.id)
    for secret, code in (("unknown", 100), (revoked.secret, 101)):
        with counted_statements(host) as statements:
            answer = host.post(host.fields(), headers={"Authorization": f"Bearer {secret}"})
        assert host.verified(answer)["code"] == code
        assert len(statements) == 1, statements


ROWS = 4000
EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN ", "mysql": "EXPLAIN "}
TABLE = "licensing_license_keys"
WHOLE_TABLE = re.compile(rf"Seq Scan on {TABLE}|SCAN {TABLE}\b|'{TABLE}', 'ALL'")
SORTED = re.compile(r"\bSort\b|TEMP B-TREE|filesort")

STATUS, STATUS_ONLY = "ix_licensing_license_keys_status", "ix_licensing_license_keys_status_only"
OWNER_NAME, OWNER_EMAIL = "ix_licensing_license_keys_owner_name", "ix_licensing_license_keys_owner_email"
LICENSE_KEY = "uq_licensing_license_keys_license_key"
LOOK_UPS: Sequence[tuple[dict[str, str], str]] = [
    ({"status": "blocked"}, STATUS_ONLY),
    ({"status": "blocked", "after": "2000"}, STATUS_ONLY),
    ({"product_id": "1"}, STATUS),
    ({"product_id": "1", "after": "2000"}, STATUS),
    ({"product_id": "1", "status": "available", "after": "2000"}, STATUS),
    ({"owner_name": "Name 7"}, OWNER_NAME),
    ({"owner_name": "Name 7", "status": "assigned", "after": "7"}, OWNER_NAME),
    ({"owner_email": "7@example.com"}, OWNER_EMAIL),
    ({"owner_email": "7@example.com", "product_id": "1", "page": "2"}, OWNER_EMAIL),
    ({"license_key": "KEY-7"}, LICENSE_KEY),
    ({"license_key": "KEY-7", "status": "assigned", "product_id": "1", "owner_name": "Name 7"}, LICENSE_KEY),
]
"""Filters, and the index in which their license keys are looked up. On MariaDB the one by license key has no name."""


def _fill(host: Host) -> None:
    """Store license keys of one product in all statuses, each with an owner of its own, and let the database count."""
    now, statuses = datetime(2026, 1, 1), ("available", "assigned", "reserved", "blocked")
    terms = {"product_id": host.product_id, "activation_limit": 0, "validity": 0, "created_at": now, "updated_at": now}
    rows = [
        {
            "license_key": f"KEY-{number}",
            "status": statuses[number % 4],
            "owner_name": f"Name {number}",
            "owner_email": f"{number}@example.com",
            **terms,
        }
        for number in range(ROWS)
    ]
    with host.app.app_context(), host.db.engine.begin() as connection:
        connection.execute(sa.insert(LicenseKey), rows)
        table = " TABLE" if connection.dialect.name == "mysql" else ""
        connection.exec_driver_sql(f"ANALYZE{table} licensing_license_keys")


def _plan(host: Host, endpoint: str, fields: dict[str, str]) -> str:
    """Return how the database does the last query of a request."""
    asked: list[tuple[str, Any]] = []

    def collect(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    with host.app.app_context():
        engine = host.db.engine
    sa.event.listen(engine, "before_cursor_execute", collect)
    host.verified(host.send("GET" if endpoint == "get-license-keys" else "POST", endpoint, fields))
    sa.event.remove(engine, "before_cursor_execute", collect)
    statement, parameters = next(one for one in reversed(asked) if "FROM licensing_license_keys" in one[0])
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(EXPLAIN[engine.dialect.name] + statement, parameters).mappings().all()
    return "\n".join(str([value for name, value in row.items() if name != "possible_keys"]) for row in rows)


def test_license_keys_are_looked_up_in_an_index_however_they_are_asked_for(host_on_each_database: Host) -> None:
    host = host_on_each_database
    _fill(host)
    for fields, index in LOOK_UPS:
        plan = _plan(host, "get-license-keys", fields)
        assert re.search(rf"{index}\b", plan) or index == LICENSE_KEY, (fields, plan)
        assert not WHOLE_TABLE.search(plan.replace(f"SCAN licensing_license_keys USING INDEX {index}", "")), plan
        # One row may be sorted, and so may the pages of a product: one page of each status.
        is_short = "license_key" in fields or fields.keys() - {"after"} == {"product_id"}
        assert is_short or not SORTED.search(plan), (fields, plan)
    for fields in ({}, {"after": "2000"}):
        plan = _plan(host, "get-license-keys", fields)
        assert not SORTED.search(plan), plan
    plan = _plan(host, "verify", {"license_key": "KEY-7", "identifier": "a"})
    assert not WHOLE_TABLE.search(plan), plan
