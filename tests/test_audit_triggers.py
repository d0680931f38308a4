"""The audit log is append-only, whoever writes SQL."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from flask_licensing.audit_triggers import create_triggers, missing_triggers
from flask_licensing.models import AuditRecord, project_models
from tests.databases import fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 1, 2, 3, 4, 5)
DAY = timedelta(days=1)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """A database with the tables, and one audit record that is a day old."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    metadata = sa.MetaData()
    project_models(metadata)
    metadata.create_all(engine)
    with engine.begin() as connection:
        _insert(connection, id=1, occurred_at=NOW - DAY, action="product-created")
    yield engine
    metadata.drop_all(engine)


def _insert(connection: sa.Connection, **values: Any) -> None:
    connection.execute(sa.insert(AuditRecord), {"occurred_at": NOW, "actor": "host", **values})


def _records(engine: sa.Engine) -> list[tuple[int, str]]:
    with engine.connect() as connection:
        return [
            (row.id, row.action)
            for row in connection.execute(sa.text("SELECT id, action FROM licensing_audit_records ORDER BY id"))
        ]


def _refused(engine: sa.Engine, statement: str) -> None:
    before = _records(engine)
    with (
        pytest.raises(sa.exc.DBAPIError, match="licensing_audit_records is append-only"),
        engine.begin() as connection,
    ):
        connection.execute(sa.text(statement))
    assert _records(engine) == before == [(1, "product-created")]


def test_an_update_is_refused(engine: sa.Engine) -> None:
    _refused(engine, "UPDATE licensing_audit_records SET actor = 'somebody else'")


def test_a_delete_is_refused(engine: sa.Engine) -> None:
    _refused(engine, "DELETE FROM licensing_audit_records")


def test_putting_another_record_in_the_place_of_one_is_refused(engine: sa.Engine) -> None:
    values = "INTO licensing_audit_records (id, occurred_at, action, actor) VALUES (1, '2026-01-01 00:00:00', 'x', 'y')"
    replace = {
        "sqlite": f"INSERT OR REPLACE {values}",
        "postgresql": f"INSERT {values} ON CONFLICT (id) DO UPDATE SET actor = 'y'",
        "mysql": f"REPLACE {values}",
    }
    _refused(engine, replace[engine.dialect.name])


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_truncate_is_refused_on_postgresql(engine: sa.Engine) -> None:
    _refused(engine, "TRUNCATE licensing_audit_records")


def _purge(connection: sa.Connection, **values: Any) -> None:
    _insert(connection, action="audit-log-purged", **values)


def test_a_delete_of_what_is_older_than_a_recorded_purge_is_let_through(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        _insert(connection, id=2, action="product-created")
        _purge(connection, id=3, deleted_before=NOW)
        connection.execute(sa.text("DELETE FROM licensing_audit_records WHERE id = 1"))
    assert _records(engine) == [(2, "product-created"), (3, "audit-log-purged")]
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM licensing_audit_records WHERE id = 2"))


def test_the_newest_purge_can_not_be_deleted_so_that_a_trace_stays(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        _purge(connection, id=2, occurred_at=NOW - DAY, deleted_before=NOW - DAY)
        _purge(connection, id=3, deleted_before=NOW)
        connection.execute(sa.text("DELETE FROM licensing_audit_records WHERE id = 2"))
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM licensing_audit_records WHERE id = 3"))


def test_a_purge_can_not_permit_its_own_deletion(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="ck_licensing_audit_records"), engine.begin() as connection:
        _purge(connection, id=2, deleted_before=NOW + DAY)


def test_a_trigger_that_is_gone_is_missed_and_put_back(engine: sa.Engine) -> None:
    name = "licensing_audit_records_no_update"
    on_table = " ON licensing_audit_records" if engine.dialect.name == "postgresql" else ""
    with engine.begin() as connection:
        assert missing_triggers(connection) == []
        connection.execute(sa.text(f"DROP TRIGGER {name}{on_table}"))
        assert missing_triggers(connection) == [name]
    with engine.begin() as connection:
        create_triggers(connection)
        assert missing_triggers(connection) == []
    _refused(engine, "UPDATE licensing_audit_records SET actor = 'somebody else'")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_trigger_that_is_switched_off_is_missed_and_put_back(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE licensing_audit_records DISABLE TRIGGER ALL"))
        assert len(missing_triggers(connection) or ()) == 3
        create_triggers(connection)
        assert missing_triggers(connection) == []


@pytest.fixture
def mariadb_without_triggers(tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database, as a user who may do anything there but create and see triggers."""
    with fresh_database("mariadb", tmp_path) as url:
        server, user = (
            sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool),
            f"test_{secrets.token_hex(8)}",
        )
        rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER"
        with server.connect() as connection:
            connection.execute(sa.text(f"CREATE USER {user} IDENTIFIED BY '{user}'"))
            connection.execute(sa.text(f"GRANT {rights} ON {server.url.database}.* TO {user}"))
        try:
            yield sa.create_engine(server.url.set(username=user, password=user), poolclass=sa.NullPool)
        finally:
            with server.connect() as connection:
                connection.execute(sa.text(f"DROP USER {user}"))


def test_a_user_who_may_not_create_triggers_gets_the_table_and_a_warning(
    mariadb_without_triggers: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    metadata = sa.MetaData()
    project_models(metadata)
    metadata.create_all(mariadb_without_triggers)
    assert "the audit log is not append-only" in caplog.text
    with mariadb_without_triggers.connect() as connection:
        assert missing_triggers(connection) is None


@pytest.mark.parametrize(("dialect", "triggers"), [("postgresql", 3), ("sqlite", 3), ("mysql", 0)])
def test_a_script_of_sql_has_the_triggers_where_clients_can_read_it(dialect: str, triggers: int) -> None:
    script: list[str] = []
    engine = sa.create_mock_engine(f"{dialect}://", lambda sql, *_, **__: script.append(str(sql)))
    metadata = sa.MetaData()
    project_models(metadata)
    metadata.create_all(engine, checkfirst=False)
    assert sum("CREATE TRIGGER" in statement for statement in script) == triggers


def test_nothing_is_left_when_the_table_is_dropped(engine: sa.Engine) -> None:
    metadata = sa.MetaData()
    project_models(metadata)
    metadata.drop_all(engine)
    metadata.create_all(engine)
    metadata.drop_all(engine)
    assert sa.inspect(engine).get_table_names() == []
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            functions = "SELECT proname FROM pg_proc WHERE proname LIKE 'licensing%'"
            assert connection.scalars(sa.text(functions)).all() == []
