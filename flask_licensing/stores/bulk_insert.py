"""One INSERT statement for any number of license keys, in the dialect of each database.

The keys travel as one parameter and become rows inside the database: SQL text and its compilation stay the same
however many there are. Each statement leaves keys that exist as they are and its row count is what it stored.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from flask_licensing.domain import MAX_TEXT_LENGTH
from flask_licensing.models import LicenseKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.sql.dml import Insert

_TABLE = cast("sa.Table", LicenseKey.__table__)
_SENT = "sent_license_keys"
_SHARED_COLUMNS = [column for column in _TABLE.columns if column.name not in {"id", "license_key"}]
_COLUMN_NAMES = ["license_key", *(column.name for column in _SHARED_COLUMNS)]
_FALLBACK_CHUNK = 500


def insert_missing(connection: sa.Connection, license_keys: Sequence[str], values: Mapping[str, object]) -> int:
    """Insert the license keys that are not there yet, each with ``values``; return how many were inserted."""
    insert = _INSERTS.get(connection.dialect.name, _insert_by_chunks)
    return insert(connection, license_keys, values)


def _rows_of(license_key: sa.ColumnElement[Any]) -> sa.Select[Any]:
    shared = [sa.bindparam(column.name, type_=column.type) for column in _SHARED_COLUMNS]
    return sa.select(license_key, *shared)


def _single_statement(
    statement: Insert, to_parameter: Callable[[Sequence[str]], object]
) -> Callable[[sa.Connection, Sequence[str], Mapping[str, object]], int]:
    # Without the option SQLAlchemy does not keep the row count of an INSERT.
    counted = statement.execution_options(preserve_rowcount=True)

    def insert(connection: sa.Connection, license_keys: Sequence[str], values: Mapping[str, object]) -> int:
        return connection.execute(counted, {**values, _SENT: to_parameter(license_keys)}).rowcount

    return insert


def _json_array(license_keys: Sequence[str]) -> str:
    return json.dumps(license_keys, ensure_ascii=False)


def _sqlite_insert() -> Insert:
    sent = sa.func.json_each(sa.bindparam(_SENT, type_=sa.Text)).table_valued("value", joins_implicitly=True)
    # SQLite reads ON CONFLICT after a SELECT without WHERE as the condition of a join (sqlite.org/lang_upsert.html).
    rows = _rows_of(sent.c.value).where(sa.true())
    return sqlite.insert(_TABLE).from_select(_COLUMN_NAMES, rows).on_conflict_do_nothing(["license_key"])


def _postgresql_insert() -> Insert:
    sent = sa.func.unnest(sa.bindparam(_SENT, type_=postgresql.ARRAY(sa.Text))).column_valued("license_key")
    return (
        postgresql.insert(_TABLE)
        .from_select(_COLUMN_NAMES, _rows_of(sent))
        .on_conflict_do_nothing(index_elements=["license_key"])
    )


def _mysql_insert() -> Insert:
    sent = sa.text(
        f"JSON_TABLE(:{_SENT}, '$[*]' COLUMNS (license_key VARCHAR({MAX_TEXT_LENGTH})"
        " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$')) AS sent"
    )
    rows = _rows_of(sa.literal_column("sent.license_key")).select_from(sent)
    # ON DUPLICATE KEY UPDATE counts rows it leaves alone. IGNORE also passes over a missing product: whoever calls
    # holds a lock on the product's row.
    return mysql.insert(_TABLE).prefix_with("IGNORE").from_select(_COLUMN_NAMES, rows)


def _insert_by_chunks(connection: sa.Connection, license_keys: Sequence[str], values: Mapping[str, object]) -> int:
    """Insert on databases this package has no statement for: right on all of them, faster on none."""
    return sum(
        _insert_chunk(connection, license_keys[start : start + _FALLBACK_CHUNK], values)
        for start in range(0, len(license_keys), _FALLBACK_CHUNK)
    )


def _insert_chunk(connection: sa.Connection, license_keys: Sequence[str], values: Mapping[str, object]) -> int:
    known = set(connection.scalars(sa.select(_TABLE.c.license_key).where(_TABLE.c.license_key.in_(license_keys))))
    missing = [license_key for license_key in license_keys if license_key not in known]
    if not missing:
        return 0
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(_TABLE), [{**values, "license_key": key} for key in missing])
    except sa.exc.IntegrityError:
        return sum(_insert_one(connection, key, values) for key in missing)
    return len(missing)


def _insert_one(connection: sa.Connection, license_key: str, values: Mapping[str, object]) -> int:
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(_TABLE), {**values, "license_key": license_key})
    except sa.exc.IntegrityError:
        return 0
    return 1


_INSERTS = {
    "sqlite": _single_statement(_sqlite_insert(), _json_array),
    "postgresql": _single_statement(_postgresql_insert(), list),
    "mysql": _single_statement(_mysql_insert(), _json_array),
    "mariadb": _single_statement(_mysql_insert(), _json_array),
}
