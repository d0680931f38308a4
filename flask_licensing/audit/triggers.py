"""The triggers that make the audit log append-only, for a site that asks for them.

An UPDATE is refused. So is an INSERT with an id, with a date that Python can't read, or with one so far ahead that no
purge reaches it. A DELETE is refused unless another record tells of a purge that reaches beyond the deleted one. That
purge can only be deleted under the date of a later one, so one always stays.

The triggers trust no constraint and nothing of the session: CHECK can be switched off on SQLite and MariaDB, a
transaction on MariaDB may read what another has yet to commit, and on PostgreSQL a temporary table, or an operator
created in a schema of the search path, comes before the one that was meant. Whoever may drop a trigger, or writes to
the database's files, is not stopped.
"""

# ruff: noqa: S608 - every statement here is made of constants

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from flask_licensing.core.domain import EARLIEST_DATE
from flask_licensing.errors import LicensingError

if TYPE_CHECKING:
    from collections.abc import Mapping

AUDIT_TABLE = "licensing_audit_records"

_REFUSAL = f"{AUDIT_TABLE} is append-only; flask licensing purge-audit-log deletes old records"
_RECORD_REFUSAL = f"{AUDIT_TABLE} takes no ids, and no dates before {EARLIEST_DATE.year} or later than tomorrow"


def _purged(table: str, latest: str, lock: str = "") -> str:
    """Return the condition that a record, not dated after ``latest``, tells of a purge of the old one.

    It is not the old one itself: that is no earlier than the purge it tells of.
    """
    return (
        f"EXISTS (SELECT 1 FROM {table} AS other WHERE other.action = 'audit-log-purged'"
        f" AND other.deleted_before > OLD.occurred_at"
        f" AND other.deleted_before <= other.occurred_at AND other.occurred_at < {latest}{lock})"
    )


_SQLITE_REFUSAL = f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
_SQLITE_RECORD_REFUSAL = f"BEGIN SELECT RAISE(ABORT, '{_RECORD_REFUSAL}'); END"
_SQLITE_TOMORROW = "datetime('now', '+1 day')"
_SQLITE_PURGED = _purged(AUDIT_TABLE, _SQLITE_TOMORROW)
_SQLITE_MAX_ID = f"SELECT max(id) FROM {AUDIT_TABLE}"
# Only with a modifier is the 30th of February made a day that there is. The length is in bytes, because most functions
# see nothing behind a NUL.
_SQLITE_DATED = (
    f"{{0}} BETWEEN '{EARLIEST_DATE}' AND {_SQLITE_TOMORROW}"
    " AND datetime(substr({0}, 1, 19), '+0 days') IS substr({0}, 1, 19)"
    " AND (length(CAST({0} AS BLOB)) = 19"
    f" OR length(CAST({{0}} AS BLOB)) = 26 AND substr({{0}}, 20) GLOB '.{'[0-9]' * 6}')"
)
_SQLITE_TRIGGERS = {
    f"{AUDIT_TABLE}_no_update": f"BEFORE UPDATE ON {AUDIT_TABLE} {_SQLITE_REFUSAL}",
    f"{AUDIT_TABLE}_no_delete": f"BEFORE DELETE ON {AUDIT_TABLE} WHEN NOT {_SQLITE_PURGED} {_SQLITE_REFUSAL}",
    f"{AUDIT_TABLE}_no_date": f"BEFORE INSERT ON {AUDIT_TABLE}"
    f" WHEN ({_SQLITE_DATED.format('NEW.occurred_at')}) IS NOT TRUE"
    f" OR ({_SQLITE_DATED.format('coalesce(NEW.deleted_before, NEW.occurred_at)')}) IS NOT TRUE"
    f" {_SQLITE_RECORD_REFUSAL}",
    # Before the insert an id that SQLite is about to choose reads as -1. Later is too late: INSERT OR REPLACE deletes
    # without a trigger for DELETE (sqlite.org/lang_conflict.html), and without a journal nothing is taken back.
    f"{AUDIT_TABLE}_no_replace": f"BEFORE INSERT ON {AUDIT_TABLE}"
    f" WHEN NEW.id <> -1 AND NEW.id <> 1 + coalesce(({_SQLITE_MAX_ID}), 0) {_SQLITE_RECORD_REFUSAL}",
    # The id that SQLite chooses is the one after the largest, until that is the largest there can be.
    f"{AUDIT_TABLE}_no_id": f"AFTER INSERT ON {AUDIT_TABLE}"
    f" WHEN NEW.id <> 1 + coalesce(({_SQLITE_MAX_ID} WHERE id <> NEW.id), 0)"
    f" {_SQLITE_RECORD_REFUSAL}",
}

_POSTGRESQL_FUNCTION = f"{AUDIT_TABLE}_refuse"
_POSTGRESQL_TOMORROW = "timezone('UTC', clock_timestamp()) + interval '1 day'"
_POSTGRESQL_PURGED = _purged("{table}", _POSTGRESQL_TOMORROW)
# The schema is looked up once, here: a trigger that looks a table up by its bare name finds a temporary one first.
_CREATE_POSTGRESQL_FUNCTION = f"""
DO $create$
DECLARE
    audit_table text;
BEGIN
    SELECT concat(quote_ident(nspname), '.{AUDIT_TABLE}') INTO STRICT audit_table
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid = CAST('{AUDIT_TABLE}' AS regclass);
    EXECUTE replace(replace($function$
        CREATE FUNCTION {_POSTGRESQL_FUNCTION}() RETURNS trigger LANGUAGE plpgsql
        SET search_path = pg_catalog, pg_temp AS $body$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                IF NEW.id = currval({{sequence}})
                   AND NEW.occurred_at BETWEEN '{EARLIEST_DATE}' AND {_POSTGRESQL_TOMORROW}
                   AND coalesce(NEW.deleted_before, NEW.occurred_at)
                       BETWEEN '{EARLIEST_DATE}' AND {_POSTGRESQL_TOMORROW} THEN
                    RETURN NEW;
                END IF;
                RAISE EXCEPTION '{_RECORD_REFUSAL}';
            ELSIF TG_OP = 'DELETE' THEN
                IF {_POSTGRESQL_PURGED} THEN
                    RETURN OLD;
                END IF;
            END IF;
            RAISE EXCEPTION '{_REFUSAL}';
        END $body$
    $function$, '{{table}}', audit_table), '{{sequence}}', quote_literal(pg_get_serial_sequence(audit_table, 'id')));
END $create$
"""
_POSTGRESQL_TRIGGERS = {
    f"{AUDIT_TABLE}_no_{name}": f"BEFORE {change} ON {AUDIT_TABLE} FOR EACH {level}"
    f" EXECUTE FUNCTION {_POSTGRESQL_FUNCTION}()"
    for name, change, level in [
        ("update", "UPDATE", "ROW"),
        ("delete", "DELETE", "ROW"),
        ("truncate", "TRUNCATE", "STATEMENT"),
        ("id", "INSERT", "ROW"),
    ]
}

_MYSQL_REFUSAL = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{_REFUSAL}'"
_MYSQL_RECORD_REFUSAL = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{_RECORD_REFUSAL}'"
# A session can set what NOW() says, and its time zone.
_MYSQL_TOMORROW = "SYSDATE() + INTERVAL 1 DAY"
# The lock waits for a purge that may yet be rolled back.
_MYSQL_PURGED = _purged(AUDIT_TABLE, _MYSQL_TOMORROW, " LOCK IN SHARE MODE")
# A session may store invalid dates, such as one in month 0: no valid date is that many days away from one.
_MYSQL_DATED = f"{{0}} BETWEEN '{EARLIEST_DATE}' AND {_MYSQL_TOMORROW} AND {{0}} + INTERVAL 0 DAY <=> {{0}}"
_MYSQL_MAX_JUMP = 2**32
# A session can say which id is the next one, and with the largest of 64 bits would have used up all. Replication says
# the same of every record that it repeats as a statement.
_MYSQL_JUMPS = (
    f"@@insert_id > {_MYSQL_MAX_JUMP}"
    f" AND @@insert_id > {_MYSQL_MAX_JUMP} + (SELECT coalesce(max(id), 0) FROM {AUDIT_TABLE})"
)
_MYSQL_TRIGGERS = {
    f"{AUDIT_TABLE}_no_update": f"BEFORE UPDATE ON {AUDIT_TABLE} FOR EACH ROW {_MYSQL_REFUSAL}",
    f"{AUDIT_TABLE}_no_delete": f"BEFORE DELETE ON {AUDIT_TABLE} FOR EACH ROW"
    f" IF NOT {_MYSQL_PURGED} THEN {_MYSQL_REFUSAL}; END IF",
    # Before the insert an id that the database is about to choose reads as 0.
    f"{AUDIT_TABLE}_no_id": f"BEFORE INSERT ON {AUDIT_TABLE} FOR EACH ROW"
    f" IF NEW.id <> 0 OR {_MYSQL_JUMPS} OR ({_MYSQL_DATED.format('NEW.occurred_at')}) IS NOT TRUE"
    f" OR ({_MYSQL_DATED.format('coalesce(NEW.deleted_before, NEW.occurred_at)')}) IS NOT TRUE"
    f" THEN {_MYSQL_RECORD_REFUSAL}; END IF",
    # With the mode NO_AUTO_VALUE_ON_ZERO it is 0.
    f"{AUDIT_TABLE}_no_zero": f"AFTER INSERT ON {AUDIT_TABLE} FOR EACH ROW"
    f" IF NEW.id = 0 THEN {_MYSQL_RECORD_REFUSAL}; END IF",
}

_TRIGGERS: Mapping[str, Mapping[str, str]] = {
    "sqlite": _SQLITE_TRIGGERS,
    "postgresql": _POSTGRESQL_TRIGGERS,
    "mysql": _MYSQL_TRIGGERS,
    "mariadb": _MYSQL_TRIGGERS,
}

_FIND_TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table",
    "postgresql": "SELECT tgname FROM pg_trigger"
    " WHERE tgrelid = to_regclass(CAST(:table AS text)) AND tgenabled IN ('O', 'A')",
    "mysql": "SELECT trigger_name FROM information_schema.triggers"
    " WHERE event_object_schema = DATABASE() AND event_object_table = :table",
}
_FIND_TRIGGERS["mariadb"] = _FIND_TRIGGERS["mysql"]

# MySQL and MariaDB show triggers to users who may create them, and the site's own need not be one.
_SEES_TRIGGERS = " UNION ".join(
    f"SELECT 1 FROM information_schema.{level}_privileges WHERE privilege_type = 'TRIGGER'"
    for level in ("user", "schema", "table")
)


class Executor(Protocol):
    """What runs or prints statements: a connection, or the context of a migration (``op.get_context()``)."""

    @property
    def dialect(self) -> sa.Dialect:
        """The database's dialect."""
        ...

    def execute(self, statement: sa.Executable, /) -> object:
        """Run or print one statement."""
        ...


def find_triggers(connection: sa.Connection) -> Mapping[str, bool] | None:
    """Return the names of the triggers, and whether each is there and on.

    ``None`` where that is unknown: this module has no triggers for the database, or its user can't see them.
    """
    dialect = connection.dialect.name
    if dialect not in _TRIGGERS:
        return None
    existing = set(connection.scalars(sa.text(_FIND_TRIGGERS[dialect]), {"table": AUDIT_TABLE}))
    if not existing and _TRIGGERS[dialect] is _MYSQL_TRIGGERS and not connection.scalar(sa.text(_SEES_TRIGGERS)):
        return None
    return {name: name in existing for name in _TRIGGERS[dialect]}


def create_triggers(executor: Executor) -> None:
    """Create the triggers, in place of those that are there. In a migration: ``create_triggers(op.get_context())``.

    Raises:
        LicensingError: this package has no triggers for the database.

    """
    dialect = executor.dialect.name
    if dialect not in _TRIGGERS:
        raise LicensingError(f"There are no triggers for the audit log on {dialect}.")
    drop_triggers(executor)
    if dialect == "postgresql":
        _execute(executor, _CREATE_POSTGRESQL_FUNCTION)
    for name, definition in _TRIGGERS[dialect].items():
        _execute(executor, f"CREATE TRIGGER {name} {definition}")


def drop_triggers(executor: Executor) -> None:
    """Drop the triggers that are there, as a downgrade does before it drops the table."""
    is_postgresql = executor.dialect.name == "postgresql"
    for name in _TRIGGERS.get(executor.dialect.name, {}):
        _execute(executor, f"DROP TRIGGER IF EXISTS {name}{f' ON {AUDIT_TABLE}' if is_postgresql else ''}")
    if is_postgresql:
        _execute(executor, f"DROP FUNCTION IF EXISTS {_POSTGRESQL_FUNCTION}()")


def _execute(executor: Executor, statement: str) -> None:
    executor.execute(sa.DDL(statement))  # type: ignore[no-untyped-call] # SQLAlchemy gives it no types
