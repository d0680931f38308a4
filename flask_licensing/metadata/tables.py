"""The table of metadata, and its SQL."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from flask_licensing.core.metadata import Metadata, MetadataOwner
from flask_licensing.core.tables import Base, SessionTables, table_of, text_type
from flask_licensing.license_keys.model import LicenseKey
from flask_licensing.metadata.fields import value_to_json
from flask_licensing.products.tables import Product

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDE = mysql.TEXT(charset="utf8mb4", collation="utf8mb4_bin")


class MetadataRow(Base):
    """A value that is kept with a license key or with a product, as JSON."""

    __tablename__ = "licensing_metadata"
    __table_args__ = (
        sa.PrimaryKeyConstraint("id", name="pk_licensing_metadata"),
        # Where an owner is NULL, its constraint holds for no other row.
        sa.UniqueConstraint("license_key_id", "meta_key", name="uq_licensing_metadata_license_key_id"),
        sa.UniqueConstraint("product_id", "meta_key", name="uq_licensing_metadata_product_id"),
        sa.ForeignKeyConstraint(
            ["license_key_id"], [LicenseKey.id], name="fk_licensing_metadata_license_key_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], [Product.id], name="fk_licensing_metadata_product_id", ondelete="CASCADE"
        ),
    )

    id: Mapped[int] = mapped_column(sa.Integer)
    license_key_id: Mapped[int | None] = mapped_column(sa.Integer)
    product_id: Mapped[int | None] = mapped_column(sa.Integer)
    meta_key: Mapped[str] = mapped_column(text_type(collation="utf8mb4_bin"))
    meta_value: Mapped[str] = mapped_column(sa.Text().with_variant(_WIDE, "mysql", "mariadb"))


IDS_IN_A_QUERY = 1000
"""How many license keys are named in one query."""

_TABLE = table_of(MetadataRow)
_KEYS = table_of(LicenseKey)
_OWNER = {MetadataOwner.LICENSE_KEY: _TABLE.c.license_key_id, MetadataOwner.PRODUCT: _TABLE.c.product_id}


class MetadataTables(SessionTables):
    """Metadata in the database of a session."""

    model: ClassVar[type[Base]] = MetadataRow

    def list_metadata(self, owner: MetadataOwner, owner_ids: Sequence[int]) -> Mapping[int, Sequence[Metadata]]:
        """Return the metadata of license keys or products, by their id, in one query."""
        column = _OWNER[owner]
        query = sa.select(_TABLE, column.label("owner_id")).where(column.in_(owner_ids)).order_by(_TABLE.c.id)
        found: dict[int, list[Metadata]] = defaultdict(list)
        for row in self._connection().execute(query):
            found[row.owner_id].append(Metadata(row.id, row.meta_key, json.loads(row.meta_value)))
        return found

    def add_metadata(self, owner: MetadataOwner, owner_id: int, key: str, value: Any) -> int | None:
        """Store a value under a key that is not there: the constraint decides."""
        values = {_OWNER[owner].name: owner_id, "meta_key": key, "meta_value": value_to_json(value)}
        try:
            with self._connection().begin_nested():
                return self._insert(MetadataRow, values)
        except sa.exc.IntegrityError:
            return None

    def update_metadata(self, owner: MetadataOwner, owner_id: int, key: str, value: Any) -> int | None:
        """Store another value under a key that is there."""
        meta_id = self._lock_metadata(owner, owner_id, key)
        update = sa.update(_TABLE).where(_TABLE.c.id == meta_id).values(meta_value=value_to_json(value))
        self._connection().execute(update)
        return meta_id

    def delete_metadata(self, owner: MetadataOwner, owner_id: int, key: str) -> int | None:
        """Delete a key with its value."""
        meta_id = self._lock_metadata(owner, owner_id, key)
        self._connection().execute(sa.delete(_TABLE).where(_TABLE.c.id == meta_id))
        return meta_id

    def find_license_key_ids(self, license_keys: Sequence[str]) -> Mapping[str, int]:
        """Return the ids of those license keys that are there, in queries of so many each."""
        found: dict[str, int] = {}
        for start in range(0, len(license_keys), IDS_IN_A_QUERY):
            part = license_keys[start : start + IDS_IN_A_QUERY]
            query = sa.select(_KEYS.c.license_key, _KEYS.c.id).where(_KEYS.c.license_key.in_(part))
            found |= {row.license_key: row.id for row in self._connection().execute(query)}
        return found

    def add_license_key_metadata(self, rows: Sequence[tuple[int, str, Any]]) -> None:
        """Store the values of new license keys."""
        values = [
            {"license_key_id": license_key_id, "meta_key": key, "meta_value": value_to_json(value)}
            for license_key_id, key, value in rows
        ]
        self._connection().execute(sa.insert(_TABLE), values)

    def _lock_metadata(self, owner: MetadataOwner, owner_id: int, key: str) -> int | None:
        # On MariaDB and MySQL only a query that locks sees what was committed since the transaction began.
        is_it = (_OWNER[owner] == owner_id) & (_TABLE.c.meta_key == key)
        return self._connection().scalar(sa.select(_TABLE.c.id).where(is_it).with_for_update())
