"""License keys in the database of a session: the SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from flask_licensing.core.tables import Base, SessionTables, table_of
from flask_licensing.errors import LicenseKeyInUse
from flask_licensing.license_keys import store as license_key_store
from flask_licensing.license_keys.bulk_insert import insert_missing, insert_missing_rows
from flask_licensing.license_keys.model import LicenseKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from flask_licensing.license_keys.store import LicenseKeyFilter, LicenseKeyStatus, LicenseKeyTerms


_TABLE = table_of(LicenseKey)
_STATUS_INDEX = ("status", "product_id")
"""The columns before the id in the index by status, in its order."""

_LAST_ID = 2**31 - 1
_COUNT = (
    sa.select(sa.func.count())
    .select_from(_TABLE)
    .where(_TABLE.c.status == sa.bindparam("of_status"), _TABLE.c.product_id == sa.bindparam("of_product"))
)
_LOCK = sa.select(_TABLE).where(_TABLE.c.license_key == sa.bindparam("text")).with_for_update(key_share=True)
# SQLite locks the whole database, at the first statement of a transaction that could write.
_BEGIN_TO_WRITE = sa.update(_TABLE).where(_TABLE.c.id == -1).values(id=-1)


class LicenseKeyTables(SessionTables):
    """License keys in the database of a session."""

    model: ClassVar[type[Base]] = LicenseKey

    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        """Store the license keys that are not there yet, in one statement; return how many the database stored."""
        return insert_missing(self._connection(), license_keys, _to_values(terms, created_at))

    def add_license_key_rows(self, rows: Sequence[tuple[str, LicenseKeyTerms]], created_at: datetime) -> int:
        """Store the license keys that are not there yet, each with its terms, in one statement; return how many."""
        values = [{"license_key": license_key, **_to_values(terms, created_at)} for license_key, terms in rows]
        return insert_missing_rows(self._connection(), values)

    def list_license_keys(
        self, after_id: int, limit: int, *, product_id: int | None, status: LicenseKeyStatus | None
    ) -> Sequence[license_key_store.LicenseKey]:
        """Return a page of license keys, by id."""
        query = sa.select(_TABLE).where(_TABLE.c.id > after_id).order_by(_TABLE.c.id).limit(limit)
        if product_id is not None:
            query = query.where(_TABLE.c.product_id == product_id)
        if status is not None:
            query = query.where(_TABLE.c.status == status.value)
        return [to_license_key(row) for row in self._session().execute(query)]

    def find_license_keys(
        self, wanted: LicenseKeyFilter, *, after_id: int, offset: int, limit: int
    ) -> Sequence[license_key_store.LicenseKey]:
        """Return a page of license keys, by id."""
        exactly, dialect = wanted.wanted(), self._connection().dialect.name
        if exactly.keys() == {"product_id"}:
            each = [{"status": status} | exactly for status in license_key_store.LicenseKeyStatus]
            query = _together([_find(values, after_id, dialect).limit(offset + limit) for values in each])
        else:
            query = _find(exactly, after_id, dialect)
        return [to_license_key(row) for row in self._connection().execute(query.offset(offset).limit(limit))]

    def count_license_keys(self, product_id: int, status: LicenseKeyStatus) -> int:
        """Return how many license keys of a product have a status."""
        return int(self._execute(_COUNT, of_product=product_id, of_status=status.value).scalar_one())

    def lock_license_key(self, license_key: str) -> license_key_store.LicenseKey | None:
        """Return the license key, its row locked, or ``None``."""
        return lock_row(self._connection(), license_key)

    def update_license_key(self, license_key: license_key_store.LicenseKey) -> None:
        """Store everything of a license key."""
        values = _to_values(license_key.terms, license_key.created_at)
        values |= {"license_key": license_key.license_key, "updated_at": license_key.updated_at}
        self._connection().execute(sa.update(_TABLE).where(_TABLE.c.id == license_key.id).values(values))

    def delete_license_key(self, license_key_id: int) -> None:
        """Delete a license key, after the rows of this package's tables that refer to it."""
        for table in Base.metadata.tables.values():
            for key in table.foreign_keys:
                if key.references(_TABLE):
                    self._connection().execute(sa.delete(table).where(key.parent == license_key_id))
        try:
            self._connection().execute(sa.delete(_TABLE).where(_TABLE.c.id == license_key_id))
        except sa.exc.IntegrityError:
            raise LicenseKeyInUse from None


def _find(exactly: Mapping[str, Any], after_id: int, dialect: str) -> sa.Select[Any]:
    """Return the query for license keys that have these values, by id."""
    columns = _TABLE.c
    is_by_status = "status" in exactly and exactly.keys() <= set(_STATUS_INDEX)
    if dialect == "postgresql" and is_by_status:
        # Asked for equal values it may go through all license keys by id, as if those of a status lay everywhere.
        names = [name for name in _STATUS_INDEX if name in exactly]
        place = [*(columns[name] for name in names), columns.id]
        values = [str(exactly[name]) if name == "status" else exactly[name] for name in names]
        after = sa.tuple_(*place) > sa.tuple_(*values, after_id)
        return sa.select(_TABLE).where(after, sa.tuple_(*place) <= sa.tuple_(*values, _LAST_ID)).order_by(*place)
    query = sa.select(_TABLE).where(columns.id > after_id, *(columns[name] == exactly[name] for name in exactly))
    if dialect in {"mysql", "mariadb"}:
        # Their collation, which the indexes are in, takes "a" for "A".
        owner = [name for name in exactly if name.startswith("owner_")]
        query = query.where(*(columns[name].collate("utf8mb4_bin") == exactly[name] for name in owner))
    if is_by_status:
        # They may go through all license keys of a product, or by id through all there are.
        index = "ix_licensing_license_keys_status" + ("" if "product_id" in exactly else "_only")
        for name in ("mysql", "mariadb"):
            query = query.with_hint(_TABLE, f"FORCE INDEX ({index})", name)
    return query.order_by(columns.id)


def _together(queries: Sequence[sa.Select[Any]]) -> sa.Select[Any]:
    """Return a query for what several find, by id.

    So the license keys of a product are read from the index that begins with the status. It begins so because MariaDB
    refuses to drop one that begins with the column of a foreign key.
    """
    found = sa.select(sa.union_all(*(sa.select(query.subquery()) for query in queries)).subquery())
    return found.order_by(found.selected_columns["id"])


def lock_row(connection: sa.Connection, license_key: str) -> license_key_store.LicenseKey | None:
    """Return a license key as it is at this moment, locked to the end of the transaction, or ``None``."""
    begin_to_write(connection)
    row = connection.execute(_LOCK, {"text": license_key}).one_or_none()
    return None if row is None else to_license_key(row)


def begin_to_write(connection: sa.Connection) -> None:
    """Lock the whole database where it is SQLite, which has no locks of rows."""
    if connection.dialect.name == "sqlite":
        connection.execute(_BEGIN_TO_WRITE)


def _to_values(terms: LicenseKeyTerms, created_at: datetime) -> dict[str, object]:
    return {**terms.to_values(), "created_at": created_at, "updated_at": created_at}


def to_license_key(row: sa.Row[Any]) -> license_key_store.LicenseKey:
    """Return the license key of a row that has all of its columns."""
    values = {name: getattr(row, name) for name in license_key_store.TERMS}
    terms = license_key_store.LicenseKeyTerms(**{**values, "status": license_key_store.LicenseKeyStatus(row.status)})
    return license_key_store.LicenseKey(row.id, row.license_key, terms, row.created_at, row.updated_at)
