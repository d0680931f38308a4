"""Fresh, empty databases for tests: SQLite files, and databases made on real PostgreSQL and MariaDB servers."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.programs import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVER_URL_VARIABLES = {
    "postgresql": "LICENSING_TEST_POSTGRESQL_URL",
    "mariadb": "LICENSING_TEST_MARIADB_URL",
}
"""Environment variables that hold the SQLAlchemy URL of a server on which tests may create databases."""

DATABASES = ("sqlite", *SERVER_URL_VARIABLES)


@contextmanager
def fresh_database(kind: str, folder: Path) -> Iterator[str]:
    """Yield the SQLAlchemy URL of an empty database of this kind; drop it afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'site.db'}"
        return
    with fresh_database_on(server_url(kind)) as url:
        yield url


def server_url(kind: str) -> str:
    """Return the SQLAlchemy URL of the PostgreSQL or MariaDB server for tests; skip where there is none."""
    variable = SERVER_URL_VARIABLES[kind]
    if variable not in os.environ:
        pytest.skip(f"needs a {kind} server: set {variable} to its SQLAlchemy URL, as docs/testing.md says at its end")
    return os.environ[variable]


@contextmanager
def fresh_database_on(server_url: str) -> Iterator[str]:
    """Yield the SQLAlchemy URL of an empty database on a PostgreSQL or MariaDB server; drop it afterwards."""
    name = f"licensing_test_{secrets.token_hex(6)}"
    server = sa.create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        yield sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        force = " WITH (FORCE)" if server.dialect.name == "postgresql" else ""
        with server.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name}{force}"))
        server.dispose()


def end_connections(url: str) -> None:
    """End every connection to a PostgreSQL or MariaDB database, as a restart of its server does."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            end = "SELECT pg_terminate_backend({})"
        else:
            others = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
            end = "KILL {}"
        for other in connection.scalars(sa.text(others)):
            connection.execute(sa.text(end.format(other)))
        wait_until(lambda: not connection.scalars(sa.text(others)).all())
