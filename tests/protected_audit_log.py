"""A protected audit log, and a user of its database who may read and write rows and nothing else."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from flask_licensing.audit.triggers import create_triggers
from flask_licensing.models import AuditRecord, project_models

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2020, 1, 2, 3, 4, 5)
DAY = timedelta(days=1)
FIRST = (1, "product-created")


@dataclass(frozen=True)
class ProtectedLog:
    """Engines as the owner of the tables and as the user who may write rows; SQLite knows no users."""

    owner: sa.Engine
    user: sa.Engine

    @property
    def database(self) -> str:
        """``sqlite``, ``postgresql`` or ``mysql``."""
        return self.owner.dialect.name

    def records(self) -> list[tuple[int, str]]:
        """Return the id and action of each record."""
        with self.owner.connect() as connection:
            statement = sa.text("SELECT id, action FROM licensing_audit_records ORDER BY id")
            return [(row.id, row.action) for row in connection.execute(statement)]

    def attack(self, *statements: str) -> list[str]:
        """Run SQL as the user, each statement for itself, and return what the database said to those it refused."""
        refusals = []
        with self.user.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                try:
                    connection.exec_driver_sql(statement)
                except sa.exc.DBAPIError as error:
                    refusals.append(str(error.orig))
        return refusals


def insert(connection: sa.Connection, **values: Any) -> None:
    """Store a record of now."""
    connection.execute(sa.insert(AuditRecord).inline(), {"occurred_at": NOW, "actor": "host", **values})


def purge(connection: sa.Connection, **values: Any) -> None:
    """Store the record of a purge, which deletes nothing."""
    insert(connection, action="audit-log-purged", **values)


def values_of_purge(occurred_at: str, deleted_before: str) -> str:
    """Return columns and values of a purge, as SQL."""
    return (
        "licensing_audit_records (occurred_at, action, actor, deleted_before)"
        f" VALUES ('{occurred_at}', 'audit-log-purged', 'host', '{deleted_before}')"
    )


@contextmanager
def protected_audit_log(url: str, **first: Any) -> Iterator[ProtectedLog]:
    """Create the tables in an empty database, and one audit record, by default a day old; then protect it."""
    owner = sa.create_engine(url, poolclass=sa.NullPool)
    metadata = sa.MetaData()
    project_models(metadata)
    metadata.create_all(owner)
    with owner.begin() as connection:
        insert(connection, **{"occurred_at": NOW - DAY, "action": "product-created"} | first)
        create_triggers(connection)
    if owner.dialect.name == "sqlite":
        yield ProtectedLog(owner, owner)
        return
    name = f"test_{secrets.token_hex(8)}"
    is_postgresql = owner.dialect.name == "postgresql"
    create, drop = _POSTGRESQL_USER if is_postgresql else _MARIADB_USER
    _administer(owner, name, create)
    user = sa.create_engine(owner.url.set(username=name, password=name), poolclass=sa.NullPool)
    try:
        yield ProtectedLog(owner, user)
    finally:
        _administer(owner, name, drop)


# What a site may have granted beyond rows: objects of their own in a schema that everybody uses.
_POSTGRESQL_USER = (
    [
        "CREATE USER {name} PASSWORD '{name}'",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}",
        "GRANT CREATE ON SCHEMA public TO {name}",
    ],
    ["DROP OWNED BY {name}", "DROP USER {name}"],
)
_MARIADB_USER = (
    [
        "CREATE USER {name} IDENTIFIED BY '{name}'",
        "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES ON {database}.* TO {name}",
    ],
    ["DROP USER {name}"],
)


def _administer(owner: sa.Engine, name: str, statements: list[str]) -> None:
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.format(name=name, database=owner.url.database))
