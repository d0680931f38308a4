"""The tables of orders, and their SQL."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from flask_licensing.core.tables import Base, SessionTables, table_of, text_type
from flask_licensing.license_keys.model import LicenseKey
from flask_licensing.license_keys.tables import begin_to_write, to_license_key
from flask_licensing.orders import store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.sql.dml import Insert

    from flask_licensing.license_keys import store as license_key_store


class Order(Base):
    """What was sold of one product for one order of the site.

    It has no foreign key to the product: that something was sold stays known when the product is gone.
    """

    __tablename__ = "licensing_orders"
    __table_args__ = (
        sa.PrimaryKeyConstraint("id", name="pk_licensing_orders"),
        sa.UniqueConstraint("order_id", "product_id", name="uq_licensing_orders_order_id_product_id"),
    )

    id: Mapped[int] = mapped_column(sa.Integer)
    order_id: Mapped[str] = mapped_column(text_type(collation="utf8mb4_bin"))
    product_id: Mapped[int] = mapped_column(sa.Integer)
    quantity: Mapped[int] = mapped_column(sa.Integer)
    owner_name: Mapped[str | None] = mapped_column(text_type())
    owner_email: Mapped[str | None] = mapped_column(text_type())
    sold_at: Mapped[datetime] = mapped_column(sa.DateTime)
    refunded_at: Mapped[datetime | None] = mapped_column(sa.DateTime)


class SoldLicenseKey(Base):
    """A license key that was sold for an order, at its place among those of the order."""

    __tablename__ = "licensing_sold_license_keys"
    __table_args__ = (
        sa.PrimaryKeyConstraint("order_row_id", "place", name="pk_licensing_sold_license_keys"),
        sa.UniqueConstraint("license_key_id", name="uq_licensing_sold_license_keys_license_key_id"),
        sa.ForeignKeyConstraint(
            ["license_key_id"], [LicenseKey.id], name="fk_licensing_sold_license_keys_license_key_id"
        ),
        sa.ForeignKeyConstraint(["order_row_id"], [Order.id], name="fk_licensing_sold_license_keys_order_row_id"),
    )

    order_row_id: Mapped[int] = mapped_column(sa.Integer)
    place: Mapped[int] = mapped_column(sa.Integer)
    license_key_id: Mapped[int] = mapped_column(sa.Integer)


_ORDERS = table_of(Order)
_SOLD = table_of(SoldLicenseKey)
_KEYS = table_of(LicenseKey)
_COLUMNS = [column.name for column in _ORDERS.columns if column.name != "id"]

_IS_ORDER = _ORDERS.c.order_id == sa.bindparam("of_order")
_FIND_ORDER = sa.select(_ORDERS).where(_IS_ORDER, _ORDERS.c.product_id == sa.bindparam("of_product"))
_LOCK_ORDERS = sa.select(_ORDERS).where(_IS_ORDER).order_by(_ORDERS.c.id).with_for_update()
_FIND_KEYS = (
    sa.select(_KEYS, _SOLD.c.order_row_id)
    .join_from(_SOLD, _KEYS, _SOLD.c.license_key_id == _KEYS.c.id)
    .where(_SOLD.c.order_row_id.in_(sa.bindparam("row_ids", expanding=True)))
    .order_by(_SOLD.c.order_row_id, _SOLD.c.place)
)
_UPDATE_KEYS = sa.update(_KEYS)
for _dialect in ("mysql", "mariadb"):
    # Of small tables they would read, and lock, every row: orders at once would wait for one another, or deadlock.
    _LOCK_ORDERS = _LOCK_ORDERS.with_hint(_ORDERS, "FORCE INDEX (uq_licensing_orders_order_id_product_id)", _dialect)
    _FIND_KEYS = _FIND_KEYS.with_hint(_SOLD, "FORCE INDEX (PRIMARY)", _dialect)
    _FIND_KEYS = _FIND_KEYS.prefix_with("STRAIGHT_JOIN", dialect=_dialect)
    _UPDATE_KEYS = _UPDATE_KEYS.with_hint("FORCE INDEX (PRIMARY)", dialect_name=_dialect)


class _SoldLicenseKeyTables(SessionTables):
    """The second table, so that ``check`` finds it missing too."""

    model: ClassVar[type[Base]] = SoldLicenseKey


class OrderTables(_SoldLicenseKeyTables):
    """Orders in the database of a session."""

    model: ClassVar[type[Base]] = Order

    def add_order(self, order: store.Order) -> store.Order | None:
        """Store a new order, unless there is one of the same id and product; the database waits for others."""
        values = {name: getattr(order, name) for name in _COLUMNS}
        statement = _insert_unless_there(self._connection().dialect.name).values(values)
        inserted = self._execute(statement.execution_options(preserve_rowcount=True))
        if not inserted.rowcount:
            return None
        return dataclasses.replace(order, id=cast("tuple[int]", inserted.inserted_primary_key)[0], license_keys=())

    def find_order(self, order_id: str, product_id: int) -> store.Order | None:
        """Return what was sold of a product for an order, with its license keys, locked against changes."""
        # Two that waited for a third to store the order would deadlock on MariaDB if both locked it to change it.
        query = _FIND_ORDER.with_for_update(read=True)
        rows = self._execute(query, of_order=order_id, of_product=product_id).all()
        return next(iter(self._with_license_keys(rows, for_reading=True)), None)

    def lock_orders(self, order_id: str) -> Sequence[store.Order]:
        """Return all that was sold for an order, with its license keys, their rows locked."""
        begin_to_write(self._connection())
        return self._with_license_keys(self._execute(_LOCK_ORDERS, of_order=order_id).all(), for_reading=False)

    def _with_license_keys(self, rows: Sequence[sa.Row[Any]], *, for_reading: bool) -> Sequence[store.Order]:
        keys: dict[int, list[license_key_store.LicenseKey]] = {row.id: [] for row in rows}
        if rows:
            for sold in self._execute(_FIND_KEYS.with_for_update(read=for_reading), row_ids=list(keys)):
                keys[sold.order_row_id].append(to_license_key(sold))
        return [store.Order(**row._asdict(), license_keys=tuple(keys[row.id])) for row in rows]

    def put_sold_license_keys(self, order: store.Order) -> None:
        """Store the license keys of an order, which are no other order's from here on."""
        sold = [
            {"license_key_id": key.id, "order_row_id": order.id, "place": place}
            for place, key in enumerate(order.license_keys)
        ]
        self._connection().execute(_put_sold(self._connection().dialect.name), sold)

    def set_refunded(self, order: store.Order) -> None:
        """Store when an order was refunded."""
        self._execute(sa.update(_ORDERS).where(_ORDERS.c.id == order.id).values(refunded_at=order.refunded_at))

    def delete_order(self, order: store.Order) -> None:
        """Delete an order."""
        self._execute(sa.delete(_ORDERS).where(_ORDERS.c.id == order.id))

    def update_sold_license_keys(self, license_keys: Sequence[license_key_store.LicenseKey]) -> None:
        """Store the changes of license keys: one statement for all that change alike."""
        alike: dict[tuple[Any, ...], list[int]] = {}
        for key in license_keys:
            alike.setdefault((key.terms.status.value, key.terms.validity, key.updated_at), []).append(key.id)
        for (status, validity, updated_at), ids in alike.items():
            update = _UPDATE_KEYS.where(_KEYS.c.id.in_(ids))
            self._execute(update.values(status=status, validity=validity, updated_at=updated_at))


def _insert_unless_there(dialect: str) -> Insert:
    if dialect == "sqlite":
        return sqlite.insert(_ORDERS).on_conflict_do_nothing()
    if dialect == "postgresql":
        return postgresql.insert(_ORDERS).on_conflict_do_nothing()
    return mysql.insert(_ORDERS).prefix_with("IGNORE", dialect="mysql").prefix_with("IGNORE", dialect="mariadb")


def _put_sold(dialect: str) -> Insert:
    """Return the insert that takes a license key from another order."""
    names = ("order_row_id", "place")
    if dialect in {"mysql", "mariadb"}:
        replacing = mysql.insert(_SOLD)
        return replacing.on_duplicate_key_update({name: replacing.inserted[name] for name in names})
    insert = postgresql.insert(_SOLD) if dialect == "postgresql" else sqlite.insert(_SOLD)
    return insert.on_conflict_do_update(
        index_elements=["license_key_id"], set_={name: insert.excluded[name] for name in names}
    )
