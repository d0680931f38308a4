"""License keys in the database of a session: the SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import sqlalchemy as sa

from flask_licensing.core.tables import Base, SessionTables, table_of
from flask_licensing.license_keys import store as license_key_store
from flask_licensing.license_keys.bulk_insert import insert_missing, insert_missing_rows
from flask_licensing.license_keys.model import LicenseKey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flask_licensing.license_keys.store import LicenseKeyStatus, LicenseKeyTerms


_TABLE = table_of(LicenseKey)


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
        return [_to_license_key(row) for row in self._session().execute(query)]


def _to_values(terms: LicenseKeyTerms, created_at: datetime) -> dict[str, object]:
    return {**terms.to_values(), "created_at": created_at, "updated_at": created_at}


def _to_license_key(row: sa.Row[tuple[object, ...]]) -> license_key_store.LicenseKey:
    values = {name: getattr(row, name) for name in license_key_store.TERMS}
    terms = license_key_store.LicenseKeyTerms(**{**values, "status": license_key_store.LicenseKeyStatus(row.status)})
    return license_key_store.LicenseKey(row.id, row.license_key, terms, row.created_at)
