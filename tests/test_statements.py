"""How many SQL statements a request makes."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterator

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
