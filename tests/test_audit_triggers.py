"""A protected audit log is append-only, whoever writes SQL. What got past the triggers is in test_advisory.py."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
import sqlalchemy as sa

from flask_licensing.audit.triggers import create_triggers, drop_triggers, find_triggers
from flask_licensing.errors import LicensingError
from flask_licensing.models import project_models
from tests.protected_audit_log import DAY, FIRST, NOW, insert, protected_audit_log, purge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask_licensing.testing.parts import FrozenClock
    from tests.hosts import Host
    from tests.protected_audit_log import ProtectedLog


@pytest.fixture
def log(database_url: str) -> Iterator[ProtectedLog]:
    """A protected audit log with one record."""
    with protected_audit_log(database_url) as log:
        yield log


def test_importing_the_package_listens_to_no_table_of_the_process() -> None:
    program = """
import sqlalchemy as sa
import flask_licensing, flask_licensing.models, flask_licensing.audit.triggers
dispatch = sa.Table("a_hosts_table", sa.MetaData()).dispatch
assert not [*dispatch.after_parent_attach, *dispatch.after_create, *dispatch.after_drop]
"""
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - the test's own program


def test_a_host_that_asks_for_no_triggers_empties_every_table_between_tests(host_on_each_database: Host) -> None:
    host = host_on_each_database
    with host.app.app_context():
        assert list(host.licensing.audit_log())
        for table in reversed(host.db.metadata.sorted_tables):
            host.db.session.execute(sa.update(table).values({column.name: column for column in table.columns}))
            host.db.session.execute(sa.delete(table))
        host.db.session.commit()
        assert list(host.licensing.audit_log()) == []


def test_a_protected_log_takes_records_and_is_purged_by_the_package(
    create_host: Callable[..., Host], database_url: str, licensing_clock: FrozenClock
) -> None:
    licensing_clock.move_to(NOW)
    host = create_host(database_url, clock=licensing_clock)
    with host.app.app_context():
        host.licensing.protect_audit_log()
        licensing_clock.move(days=1)
        host.licensing.create_product("Photo Editor")
        assert host.licensing.purge_audit_log(licensing_clock.now) == 2
        licensing_clock.move(days=1)
        assert host.licensing.purge_audit_log(licensing_clock.now) == 2
        assert [record.event.action for record in host.licensing.audit_log()] == ["audit-log-purged"]


def _refused(log: ProtectedLog, statement: str) -> None:
    (refusal,) = log.attack(statement)
    assert "licensing_audit_records is append-only" in refusal
    assert log.records() == [FIRST]


def test_an_update_is_refused(log: ProtectedLog) -> None:
    _refused(log, "UPDATE licensing_audit_records SET actor = 'somebody else'")


def test_a_delete_is_refused(log: ProtectedLog) -> None:
    _refused(log, "DELETE FROM licensing_audit_records")


def test_putting_another_record_in_the_place_of_one_is_refused(log: ProtectedLog) -> None:
    values = "INTO licensing_audit_records (id, occurred_at, action, actor) VALUES (1, '2020-01-01 00:00:00', 'x', 'y')"
    replace = {
        "sqlite": [f"INSERT OR REPLACE {values}", f"INSERT {values} ON CONFLICT (id) DO UPDATE SET actor = 'y'"],
        "postgresql": [f"INSERT {values} ON CONFLICT (id) DO UPDATE SET actor = 'y'"],
        "mysql": [f"REPLACE {values}", f"INSERT {values} ON DUPLICATE KEY UPDATE actor = 'y'"],
    }
    for statement in replace[log.database]:
        (refusal,) = log.attack(statement)
        assert "takes no ids" in refusal or "currval" in refusal
    assert log.records() == [FIRST]


@pytest.mark.parametrize("database_url", ["sqlite", "mariadb"], indirect=True)
def test_a_statement_that_ignores_errors_changes_nothing(log: ProtectedLog) -> None:
    statements = {
        "sqlite": ["UPDATE OR IGNORE licensing_audit_records SET actor = 'x'"],
        "mysql": [
            "UPDATE IGNORE licensing_audit_records SET actor = 'x'",
            "DELETE IGNORE FROM licensing_audit_records",
        ],
    }
    for statement in statements[log.database]:
        _refused(log, statement)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_truncate_is_refused_on_postgresql(log: ProtectedLog) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), log.owner.begin() as connection:
        connection.execute(sa.text("TRUNCATE licensing_audit_records"))


def test_a_delete_of_what_is_older_than_a_recorded_purge_is_let_through(log: ProtectedLog) -> None:
    with log.user.begin() as connection:
        insert(connection, action="product-created")
        purge(connection, deleted_before=NOW)
        connection.execute(sa.text("DELETE FROM licensing_audit_records WHERE id = 1"))
    left = [(2, "product-created"), (3, "audit-log-purged")]
    assert log.records() == left
    (refusal,) = log.attack("DELETE FROM licensing_audit_records WHERE id = 2")
    assert "append-only" in refusal
    assert log.records() == left


def test_the_newest_purge_can_not_be_deleted_so_that_a_trace_stays(log: ProtectedLog) -> None:
    with log.user.begin() as connection:
        purge(connection, occurred_at=NOW - DAY, deleted_before=NOW - DAY)
        purge(connection, deleted_before=NOW)
        connection.execute(sa.text("DELETE FROM licensing_audit_records WHERE id = 2"))
    (refusal,) = log.attack("DELETE FROM licensing_audit_records WHERE id = 3")
    assert "append-only" in refusal
    assert log.records() == [FIRST, (3, "audit-log-purged")]


def test_triggers_that_are_gone_are_missed_and_put_back_and_can_be_dropped(log: ProtectedLog) -> None:
    on_table = " ON licensing_audit_records" if log.database == "postgresql" else ""
    with log.owner.begin() as connection:
        there = find_triggers(connection)
        assert there
        assert all(there.values())
        for name in there:
            connection.execute(sa.text(f"DROP TRIGGER {name}{on_table}"))
            found = find_triggers(connection)
            assert found
            assert [gone for gone, is_there in found.items() if not is_there] == [name]
            create_triggers(connection)
        drop_triggers(connection)
        assert not any((find_triggers(connection) or {}).values())
    assert log.attack("DELETE FROM licensing_audit_records") == []
    assert log.records() == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("state", ["DISABLE", "ENABLE REPLICA"])
def test_triggers_that_do_not_fire_are_missed(log: ProtectedLog, state: str) -> None:
    with log.owner.begin() as connection:
        connection.execute(
            sa.text(f"ALTER TABLE licensing_audit_records {state} TRIGGER licensing_audit_records_no_update")
        )
        found = find_triggers(connection)
        assert found
        assert [name for name, is_there in found.items() if not is_there] == ["licensing_audit_records_no_update"]


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
def test_a_user_of_mariadb_who_sees_no_trigger_and_may_not_create_one_can_not_tell(log: ProtectedLog) -> None:
    with log.owner.connect() as connection:
        drop_triggers(connection)
    with log.user.connect() as connection:
        assert find_triggers(connection) is None


def test_a_database_that_has_no_triggers_of_this_package_is_named() -> None:
    connection = Mock(dialect=sa.create_mock_engine("mssql://", lambda *_, **__: None).dialect)
    with pytest.raises(LicensingError, match="no triggers for the audit log on mssql"):
        create_triggers(connection)
    assert find_triggers(connection) is None


def test_dropping_triggers_and_tables_leaves_nothing(log: ProtectedLog) -> None:
    metadata = sa.MetaData()
    project_models(metadata)
    with log.owner.begin() as connection:
        drop_triggers(connection)
    metadata.drop_all(log.owner)
    with log.owner.connect() as connection:
        assert sa.inspect(connection).get_table_names() == []
        if log.database == "postgresql":
            functions = "SELECT proname FROM pg_proc WHERE proname LIKE 'licensing%'"
            assert connection.scalars(sa.text(functions)).all() == []
