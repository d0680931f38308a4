"""Products in the database of a session: the table and its SQL."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from flask_licensing.core.tables import Base, SessionTables, table_of, text_type
from flask_licensing.products import store as product_store

if TYPE_CHECKING:
    from collections.abc import Sequence


class Product(Base):
    """A piece of software that license keys are sold for."""

    __tablename__ = "licensing_products"
    __table_args__ = (sa.PrimaryKeyConstraint("id", name="pk_licensing_products"),)

    id: Mapped[int] = mapped_column(sa.Integer)
    name: Mapped[str] = mapped_column(text_type())
    status: Mapped[str] = mapped_column(sa.String(16), server_default=product_store.ACTIVE_PRODUCT)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime)
    updated_at: Mapped[datetime] = mapped_column(sa.DateTime)


_PRODUCTS = table_of(Product)
_FIND_PRODUCT = (
    sa.select(_PRODUCTS.c.id, _PRODUCTS.c.name, _PRODUCTS.c.status)
    .where(_PRODUCTS.c.id == sa.bindparam("product_id"))
    .with_for_update(read=True, key_share=True)
)


class ProductTables(SessionTables):
    """Products in the database of a session."""

    model: ClassVar[type[Base]] = Product

    def find_product(self, product_id: int) -> product_store.Product | None:
        """Return the product, or ``None``; its row can't be deleted before the transaction ends."""
        row = self._execute(_FIND_PRODUCT, product_id=product_id).one_or_none()
        return None if row is None else product_store.Product(row.id, row.name, row.status)

    def add_product(self, name: str, created_at: datetime) -> product_store.Product:
        """Store a new product and return it with its id."""
        row_id = self._insert(Product, {"name": name, "created_at": created_at, "updated_at": created_at})
        return product_store.Product(row_id, name)

    def list_products(self) -> Sequence[product_store.Product]:
        """Return all products, by id."""
        rows = self._session().execute(sa.select(Product.id, Product.name, Product.status).order_by(Product.id))
        return [product_store.Product(row.id, row.name, row.status) for row in rows]
