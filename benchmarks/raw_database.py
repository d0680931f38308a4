"""The floor's database work: the statements of a request through the bare driver, as good as each database offers.

License keys travel as one parameter and become rows in the database, as the package's do. The statements are written
here by hand, so that the floor does not depend on what is measured.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class _Dialect:
    connect: Callable[[sa.URL], Any]
    find_api_key: str
    find_product: str
    insert: str
    record: str
    parameters: Callable[[Sequence[str], Sequence[object]], Sequence[object]]


class RawDatabase:
    """One connection to the database of a URL, which stays open."""

    def __init__(self, database_url: str) -> None:
        url = sa.make_url(database_url)
        self.backend = url.get_backend_name()
        """``"sqlite"``, ``"postgresql"`` or ``"mysql"``, which is MariaDB too."""
        self._dialect = _DIALECTS[self.backend]
        self._connection = self._dialect.connect(url)
        self._cursor = self._connection.cursor()

    def find_api_key(self, secret_hash: str) -> tuple[Any, ...] | None:
        """Return the row of an API key, or ``None``."""
        return self._find(self._dialect.find_api_key, secret_hash)

    def find_product(self, product_id: int) -> tuple[Any, ...] | None:
        """Return the row of a product, locked against deletion, or ``None``."""
        return self._find(self._dialect.find_product, product_id)

    def find_state(self, license_key: str, identifier: str) -> tuple[Any, ...] | None:
        """Return the status of a license key and whether its activation is active, with all that a check reads."""
        statement = _FIND_STATE if self.backend != "sqlite" else _FIND_STATE.replace("%s", "?")
        self._cursor.execute(statement, (identifier, license_key))
        row = self._cursor.fetchone()
        return None if row is None else (row[0], row[-1])

    def insert(self, license_keys: Sequence[str], product_id: int) -> int:
        """Insert the license keys that are not there yet, without commit; return how many."""
        now = datetime.now(UTC).replace(tzinfo=None)
        terms = (product_id, 0, 0, "available", None, None, None, now, now)
        self._cursor.execute(self._dialect.insert, self._dialect.parameters(sorted(set(license_keys)), terms))
        return int(self._cursor.rowcount)

    def record(self, product_id: int, created: int, duplicate: int) -> None:
        """Add a record to the audit log, without commit."""
        now = datetime.now(UTC).replace(tzinfo=None)
        origin = ("floor", "127.0.0.1", secrets.token_hex(16))
        event = (now, "license-keys-created", *origin, product_id, created, duplicate)
        self._cursor.execute(self._dialect.record, event)

    def commit(self) -> None:
        """End the transaction."""
        self._connection.commit()

    def rollback(self) -> None:
        """End the transaction as if it had not been."""
        self._connection.rollback()

    def run(self, statement: str) -> None:
        """Run any statement without parameters and commit."""
        self._cursor.execute(statement)
        self._connection.commit()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _find(self, statement: str, value: object) -> tuple[Any, ...] | None:
        self._cursor.execute(statement, (value,))
        row: tuple[Any, ...] | None = self._cursor.fetchone()
        return row


def _connect_sqlite(url: sa.URL) -> Any:
    import sqlite3

    # Python's own way to store datetime objects is deprecated.
    sqlite3.register_adapter(datetime, lambda moment: f"{moment:%Y-%m-%d %H:%M:%S.%f}")
    assert url.database  # noqa: S101 - every URL here names a file
    return sqlite3.connect(url.database)


def _connect_postgresql(url: sa.URL) -> Any:
    import psycopg

    return psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))


def _connect_mariadb(url: sa.URL) -> Any:
    import pymysql

    names = {"host": "host", "port": "port", "username": "user", "password": "password", "database": "database"}
    given = {argument: getattr(url, name) for name, argument in names.items() if getattr(url, name) is not None}
    return pymysql.connect(**given)


def _json_first(license_keys: Sequence[str], terms: Sequence[object]) -> Sequence[object]:
    return (json.dumps(license_keys, ensure_ascii=False), *terms)


def _json_last(license_keys: Sequence[str], terms: Sequence[object]) -> Sequence[object]:
    return (*terms, json.dumps(license_keys, ensure_ascii=False))


_API_KEY_COLUMNS = "id, name, secret_hash, active, capabilities, allowed_networks, expires_at, last_used_at, created_at"
_COLUMNS = (
    "license_key, product_id, activation_limit, validity, status, owner_name, owner_email, assigned_at,"
    " created_at, updated_at"
)

_FIND_STATE = (
    "SELECT k.status, k.id, k.license_key, k.product_id, k.activation_limit, k.validity, k.owner_name, k.owner_email,"
    " k.assigned_at, k.created_at, k.updated_at, p.name, p.status, a.identifier, a.first_seen_at, a.last_seen_at,"
    " a.active FROM licensing_license_keys k LEFT JOIN licensing_products p ON p.id = k.product_id"
    " LEFT JOIN licensing_activations a ON a.license_key_id = k.id AND a.identifier = %s WHERE k.license_key = %s"
)
_AUDIT_COLUMNS = "occurred_at, action, actor, remote_address, request_id, product_id, created, duplicate"
_RECORD = f"INSERT INTO licensing_audit_records ({_AUDIT_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"  # noqa: S608 - constants

_DIALECTS = {
    "sqlite": _Dialect(
        connect=_connect_sqlite,
        find_api_key=f"SELECT {_API_KEY_COLUMNS} FROM licensing_api_keys WHERE secret_hash = ?",  # noqa: S608 - constants
        find_product="SELECT id, name FROM licensing_products WHERE id = ?",
        insert=f"INSERT INTO licensing_license_keys ({_COLUMNS}) SELECT value, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10"  # noqa: S608 - constants
        " FROM json_each(?1) WHERE true ON CONFLICT (license_key) DO NOTHING",
        record=_RECORD.replace("%s", "?"),
        parameters=_json_first,
    ),
    "postgresql": _Dialect(
        connect=_connect_postgresql,
        find_api_key=f"SELECT {_API_KEY_COLUMNS} FROM licensing_api_keys WHERE secret_hash = %s",  # noqa: S608 - constants
        find_product="SELECT id, name FROM licensing_products WHERE id = %s FOR KEY SHARE",
        insert=f"INSERT INTO licensing_license_keys ({_COLUMNS})"  # noqa: S608 - constants
        " SELECT sent, %s, %s, %s, %s, %s, %s, %s::timestamp, %s, %s"
        " FROM json_array_elements_text(%s::json) AS sent ON CONFLICT (license_key) DO NOTHING",
        record=_RECORD,
        parameters=_json_last,
    ),
    "mysql": _Dialect(
        connect=_connect_mariadb,
        find_api_key=f"SELECT {_API_KEY_COLUMNS} FROM licensing_api_keys WHERE secret_hash = %s",  # noqa: S608 - constants
        find_product="SELECT id, name FROM licensing_products WHERE id = %s LOCK IN SHARE MODE",
        insert=f"INSERT IGNORE INTO licensing_license_keys ({_COLUMNS})"  # noqa: S608 - constants
        " SELECT sent.license_key, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM JSON_TABLE(%s, '$[*]' COLUMNS"
        " (license_key VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$')) AS sent",
        record=_RECORD,
        parameters=_json_last,
    ),
}
