"""One INSERT statement for any number of license keys, in the dialect of each database.

The keys travel as one parameter and become rows inside the database: SQL text and its compilation stay the same
however many there are. Each statement leaves keys that exist as they are and its row count is what it stored.

MySQL and MariaDB take a statement only up to a size: what might be larger is sent in several.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from flask_licensing.core.tables import table_of
from flask_licensing.license_keys.model import LicenseKey
from flask_licensing.products.tables import Product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.sql.dml import Insert

Values: TypeAlias = "Mapping[str, object]"
"""The columns of a license key by name, without its id."""

_TABLE = table_of(LicenseKey)
_SENT = "sent_license_keys"
_COLUMNS = [column for column in _TABLE.columns if column.name != "id"]
_SHARED_COLUMNS = [column for column in _COLUMNS if column.name != "license_key"]
_SHARED_INSERT_COLUMNS = ["license_key", *(column.name for column in _SHARED_COLUMNS)]
_FALLBACK_CHUNK = 500

_MYSQL_PARAMETER_BYTES = 15 * 1024 * 1024
"""Leaves room for the rest of the statement in the 16 MiB that are the default of ``max_allowed_packet``."""

_MYSQL_CHARACTER_BYTES = 4
"""Most bytes of a character: in UTF-8, and of a quote or backslash with the escapes of both JSON and SQL."""

_MYSQL_KEY_BYTES = 6
"""Bytes of a license key in the JSON array beside its characters: escaped quotes, and what is between two."""

_MYSQL_ROW_BYTES = 200
"""Bytes of a row in the JSON array beside the characters of its texts: numbers, dates and what is between them."""

_Sent = TypeVar("_Sent")


def insert_missing(connection: sa.Connection, license_keys: Sequence[str], shared: Values) -> int:
    """Insert the license keys that are not there yet, all with the ``shared`` values; return how many were inserted."""
    if connection.dialect.name not in _KEY_INSERTS:
        return _insert_by_chunks(connection, [{**shared, "license_key": key} for key in license_keys])
    statement = _KEY_INSERTS[connection.dialect.name]
    return sum(
        connection.execute(statement, {**shared, _SENT: _json_array(part)}).rowcount
        for part in _parts(connection, license_keys, _bytes_of_key)
    )


def insert_missing_rows(connection: sa.Connection, rows: Sequence[Values]) -> int:
    """Insert the rows whose license keys are not there yet; return how many were inserted."""
    if connection.dialect.name not in _ROW_INSERTS:
        return _insert_by_chunks(connection, rows)
    statement = _ROW_INSERTS[connection.dialect.name]
    return sum(
        connection.execute(statement, {_SENT: _json_rows(part)}).rowcount
        for part in _parts(connection, rows, _bytes_of_row)
    )


def _parts(
    connection: sa.Connection, sent: Sequence[_Sent], most_bytes: Callable[[_Sent], int]
) -> Iterator[Sequence[_Sent]]:
    """Yield what is sent in parts, in order, each of which fits in a statement of this database."""
    if connection.dialect.name not in {"mysql", "mariadb"}:
        yield sent
        return
    start = size = 0
    for position, one in enumerate(sent):
        size += most_bytes(one)
        if size > _MYSQL_PARAMETER_BYTES:
            yield sent[start:position]
            start, size = position, most_bytes(one)
    yield sent[start:]


def _bytes_of_key(license_key: str) -> int:
    return _MYSQL_CHARACTER_BYTES * len(license_key) + _MYSQL_KEY_BYTES


def _bytes_of_row(row: Values) -> int:
    texts = (len(value) for value in row.values() if isinstance(value, str))
    return _MYSQL_CHARACTER_BYTES * sum(texts) + _MYSQL_ROW_BYTES


def _counted(statement: Insert) -> Insert:
    # Without the option SQLAlchemy does not keep the row count of an INSERT.
    return statement.execution_options(preserve_rowcount=True)


def _shared_parameters() -> list[sa.BindParameter[Any]]:
    return [sa.bindparam(column.name, type_=column.type) for column in _SHARED_COLUMNS]


def _with_shared_values(license_key: sa.ColumnElement[Any]) -> sa.Select[Any]:
    return sa.select(license_key, *_shared_parameters())


def _existing_product(product_id: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    """Return the id of a product, NULL if it is gone: SQLite enforces foreign keys only where a site turns that on."""
    products = table_of(Product)
    return sa.select(products.c.id).where(products.c.id == product_id).scalar_subquery()


def _json_array(license_keys: Sequence[str]) -> str:
    return json.dumps(license_keys, ensure_ascii=False)


def _json_rows(rows: Sequence[Values]) -> str:
    names = [column.name for column in _COLUMNS]
    return json.dumps([[row[name] for name in names] for row in rows], ensure_ascii=False, default=_to_sql_text)


def _to_sql_text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def _sqlite_insert(columns: list[str], rows: sa.Select[Any]) -> Insert:
    # SQLite reads ON CONFLICT after a SELECT without WHERE as the condition of a join (sqlite.org/lang_upsert.html).
    return sqlite.insert(_TABLE).from_select(columns, rows.where(sa.true())).on_conflict_do_nothing(["license_key"])


def _sqlite_sent() -> sa.TableValuedAlias:
    return sa.func.json_each(sa.bindparam(_SENT, type_=sa.Text)).table_valued("value", joins_implicitly=True)


def _sqlite_insert_keys() -> Insert:
    shared = [
        _existing_product(parameter) if parameter.key == "product_id" else parameter
        for parameter in _shared_parameters()
    ]
    return _sqlite_insert(_SHARED_INSERT_COLUMNS, sa.select(_sqlite_sent().c.value, *shared))


def _sqlite_insert_rows() -> Insert:
    row = _sqlite_sent().c.value
    values: dict[str, sa.ColumnElement[Any]] = {
        column.name: sa.func.json_extract(row, f"$[{position}]") for position, column in enumerate(_COLUMNS)
    }
    values["product_id"] = _existing_product(values["product_id"])
    return _sqlite_insert([*values], sa.select(*values.values()))


def _postgresql_insert(columns: list[str], rows: sa.Select[Any]) -> Insert:
    insert = postgresql.insert(_TABLE).from_select(columns, rows)
    return insert.on_conflict_do_nothing(index_elements=["license_key"])


def _postgresql_sent() -> sa.Cast[Any]:
    # As an array, psycopg takes many seconds for a large parameter with a quote or backslash in every element.
    return sa.cast(sa.bindparam(_SENT, type_=sa.Text), postgresql.JSON)


def _postgresql_insert_keys() -> Insert:
    sent = sa.func.json_array_elements_text(_postgresql_sent()).column_valued("license_key")
    return _postgresql_insert(_SHARED_INSERT_COLUMNS, _with_shared_values(sent))


def _postgresql_insert_rows() -> Insert:
    row = sa.func.json_array_elements(_postgresql_sent()).column_valued("sent")
    values = [sa.cast(row.op("->>")(position), column.type) for position, column in enumerate(_COLUMNS)]
    return _postgresql_insert([column.name for column in _COLUMNS], sa.select(*values))


def _mysql_insert(paths: Mapping[str, str], shared: Sequence[sa.BindParameter[Any]] = ()) -> Insert:
    """Return the insert of what lies at the JSON paths, by column name, in each element of the array sent."""
    dialect = mysql.dialect()
    definitions = ", ".join(
        f"{name} {_TABLE.c[name].type.compile(dialect)} PATH '{path}'" for name, path in paths.items()
    )
    sent = sa.text(f"JSON_TABLE(:{_SENT}, '$[*]' COLUMNS ({definitions})) AS sent")
    values: list[sa.ColumnElement[Any]] = [sa.literal_column(f"sent.{name}") for name in paths]
    rows = sa.select(*values, *shared).select_from(sent)
    # ON DUPLICATE KEY UPDATE counts rows it leaves alone. IGNORE also passes over a missing product: whoever calls
    # holds a lock on the product's row.
    insert = mysql.insert(_TABLE).prefix_with("IGNORE")
    return insert.from_select([*paths, *(parameter.key for parameter in shared)], rows)


def _mysql_insert_keys() -> Insert:
    return _mysql_insert({"license_key": "$"}, _shared_parameters())


def _mysql_insert_rows() -> Insert:
    return _mysql_insert({column.name: f"$[{position}]" for position, column in enumerate(_COLUMNS)})


def _insert_by_chunks(connection: sa.Connection, rows: Sequence[Values]) -> int:
    """Insert on databases this package has no statement for: right on all of them, faster on none."""
    return sum(
        _insert_chunk(connection, rows[start : start + _FALLBACK_CHUNK])
        for start in range(0, len(rows), _FALLBACK_CHUNK)
    )


def _insert_chunk(connection: sa.Connection, rows: Sequence[Values]) -> int:
    sent = [row["license_key"] for row in rows]
    known = set(connection.scalars(sa.select(_TABLE.c.license_key).where(_TABLE.c.license_key.in_(sent))))
    missing = [row for row in rows if row["license_key"] not in known]
    if not missing:
        return 0
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(_TABLE), missing)
    except sa.exc.IntegrityError:
        return sum(_insert_one(connection, row) for row in missing)
    return len(missing)


def _insert_one(connection: sa.Connection, row: Values) -> int:
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(_TABLE), row)
    except sa.exc.IntegrityError:
        return 0
    return 1


_KEY_INSERTS = {
    "sqlite": _counted(_sqlite_insert_keys()),
    "postgresql": _counted(_postgresql_insert_keys()),
    "mysql": _counted(_mysql_insert_keys()),
    "mariadb": _counted(_mysql_insert_keys()),
}

_ROW_INSERTS = {
    "sqlite": _counted(_sqlite_insert_rows()),
    "postgresql": _counted(_postgresql_insert_rows()),
    "mysql": _counted(_mysql_insert_rows()),
    "mariadb": _counted(_mysql_insert_rows()),
}
