"""The triggers that make the audit log append-only.

An UPDATE is refused. A DELETE is refused unless a purge is on record whose ``deleted_before`` is later than the record,
so that a deletion always leaves a trace. Whoever may drop a trigger, or writes to the database's files, is not stopped.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_logger = logging.getLogger(__name__)

AUDIT_TABLE = "licensing_audit_records"

_REFUSAL = f"{AUDIT_TABLE} is append-only; flask licensing purge-audit-log deletes old records"
_PURGED = (
    f"EXISTS (SELECT 1 FROM {AUDIT_TABLE}"  # noqa: S608 - constants
    f" WHERE action = 'audit-log-purged' AND deleted_before > OLD.occurred_at)"
)
_TAKEN = f"EXISTS (SELECT 1 FROM {AUDIT_TABLE} WHERE id = NEW.id)"  # noqa: S608 - constants

_SQLITE_REFUSAL = f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
_SQLITE_TRIGGERS = {
    f"{AUDIT_TABLE}_no_update": f"BEFORE UPDATE ON {AUDIT_TABLE} {_SQLITE_REFUSAL}",
    f"{AUDIT_TABLE}_no_delete": f"BEFORE DELETE ON {AUDIT_TABLE} WHEN NOT {_PURGED} {_SQLITE_REFUSAL}",
    # INSERT OR REPLACE deletes without a trigger for DELETE (sqlite.org/lang_conflict.html).
    f"{AUDIT_TABLE}_no_replace": f"BEFORE INSERT ON {AUDIT_TABLE} WHEN {_TAKEN} {_SQLITE_REFUSAL}",
}

_POSTGRESQL_FUNCTION = f"{AUDIT_TABLE}_refuse"
_CREATE_POSTGRESQL_FUNCTION = f"""
CREATE OR REPLACE FUNCTION {_POSTGRESQL_FUNCTION}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF {_PURGED} THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '{_REFUSAL}';
END $$
"""
_POSTGRESQL_TRIGGERS = {
    f"{AUDIT_TABLE}_no_{change.lower()}": f"BEFORE {change} ON {AUDIT_TABLE} FOR EACH {level}"
    f" EXECUTE FUNCTION {_POSTGRESQL_FUNCTION}()"
    for change, level in {"UPDATE": "ROW", "DELETE": "ROW", "TRUNCATE": "STATEMENT"}.items()
}

_MYSQL_REFUSAL = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{_REFUSAL}'"
_MYSQL_TRIGGERS = {
    f"{AUDIT_TABLE}_no_update": f"BEFORE UPDATE ON {AUDIT_TABLE} FOR EACH ROW {_MYSQL_REFUSAL}",
    f"{AUDIT_TABLE}_no_delete": f"BEFORE DELETE ON {AUDIT_TABLE} FOR EACH ROW"
    f" IF NOT {_PURGED} THEN {_MYSQL_REFUSAL}; END IF",
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
    " WHERE tgrelid = to_regclass(CAST(:table AS text)) AND tgenabled <> 'D'",
    "mysql": "SELECT trigger_name FROM information_schema.triggers"
    " WHERE event_object_schema = DATABASE() AND event_object_table = :table",
}
_FIND_TRIGGERS["mariadb"] = _FIND_TRIGGERS["mysql"]

# MySQL and MariaDB show triggers to users who may create them, and the site's own need not be one.
_SEES_TRIGGERS = " UNION ".join(
    f"SELECT 1 FROM information_schema.{level}_privileges WHERE privilege_type = 'TRIGGER'"  # noqa: S608 - constants
    for level in ("user", "schema", "table")
)


def missing_triggers(connection: sa.Connection) -> Sequence[str] | None:
    """Return the names of the triggers that are not there or are off.

    ``None`` where that can't be told: this module has none for the database, or they are hidden from its user.
    """
    dialect = connection.dialect.name
    if dialect not in _TRIGGERS:
        return None
    existing = set(connection.scalars(sa.text(_FIND_TRIGGERS[dialect]), {"table": AUDIT_TABLE}))
    if not existing and _TRIGGERS[dialect] is _MYSQL_TRIGGERS and not connection.scalar(sa.text(_SEES_TRIGGERS)):
        return None
    return [name for name in _TRIGGERS[dialect] if name not in existing]


def create_triggers(connection: sa.Connection) -> bool:
    """Create the triggers, in place of those that are there; answer whether there are any for this database."""
    triggers = _TRIGGERS.get(connection.dialect.name, {})
    on_table = f" ON {AUDIT_TABLE}" if connection.dialect.name == "postgresql" else ""
    for name in triggers:
        _execute(connection, f"DROP TRIGGER IF EXISTS {name}{on_table}")
    _create_triggers(connection)
    return bool(triggers)


def create_with_table(table: sa.Table, connection: Any, **_: Any) -> None:
    """Create the triggers with the table: a listener to SQLAlchemy's ``after_create``, which migrations send too.

    On MySQL and MariaDB a script of SQL (``flask db upgrade --sql``) goes without: their client ends a statement at a
    semicolon, and one of the triggers has some.
    """
    if table.name != AUDIT_TABLE:
        return
    if _TRIGGERS.get(connection.dialect.name) is not _MYSQL_TRIGGERS:
        _create_triggers(connection)
    elif isinstance(connection, sa.Connection):
        try:
            _create_triggers(connection)
        except sa.exc.DBAPIError as error:
            # A server with a binary log may keep triggers to administrators, and it does not roll the table back.
            _logger.warning("the audit log is not append-only: its triggers were not created: %s", error.orig)


def drop_with_table(table: sa.Table, connection: sa.Connection, **_: Any) -> None:
    """Drop what outlives the table: a listener to SQLAlchemy's ``after_drop``."""
    if table.name == AUDIT_TABLE and connection.dialect.name == "postgresql":
        _execute(connection, f"DROP FUNCTION IF EXISTS {_POSTGRESQL_FUNCTION}()")


def _create_triggers(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        _execute(connection, _CREATE_POSTGRESQL_FUNCTION)
    for name, definition in _TRIGGERS.get(connection.dialect.name, {}).items():
        _execute(connection, f"CREATE TRIGGER {name} {definition}")


def _execute(connection: sa.Connection, statement: str) -> None:
    connection.execute(sa.DDL(statement))  # type: ignore[no-untyped-call] # SQLAlchemy gives it no types
