"""Products in the database of a session: the table and its SQL."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from flask_licensing.core.tables import Base, SessionTables, table_of, text_type
from flask_licensing.products import store as product_store
from flask_licensing.products.fields import MAX_DESCRIPTION_LENGTH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack


class Product(Base):
    """A piece of software that license keys are sold for."""

    __tablename__ = "licensing_products"
    # Without it SQLite gives the highest id again once its product is deleted, and with it that one's private key.
    __table_args__ = (
        sa.PrimaryKeyConstraint("id", name="pk_licensing_products"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(sa.Integer)
    name: Mapped[str] = mapped_column(text_type())
    description: Mapped[str] = mapped_column(text_type(MAX_DESCRIPTION_LENGTH), server_default="")
    source: Mapped[str] = mapped_column(sa.String(16), server_default=product_store.ProductSource.INTERNAL.value)
    status: Mapped[str] = mapped_column(sa.String(16), server_default=product_store.ProductStatus.ACTIVE.value)
    require_non_expired: Mapped[bool] = mapped_column(sa.Boolean, server_default=sa.false())
    external_reference: Mapped[str] = mapped_column(text_type(), server_default="")
    created_at: Mapped[datetime] = mapped_column(sa.DateTime)
    updated_at: Mapped[datetime] = mapped_column(sa.DateTime)


_PRODUCTS = table_of(Product)
_MEMBERS = [member.name for member in fields(product_store.Product)]
_IS_ONE = _PRODUCTS.c.id == sa.bindparam("product_id")
_FIND_PRODUCT = sa.select(_PRODUCTS).where(_IS_ONE).with_for_update(read=True, key_share=True)
_LOCK_PRODUCT = sa.select(_PRODUCTS).where(_IS_ONE).with_for_update(key_share=True)
# SQLite locks the whole database, at the first statement of a transaction that could write.
_BEGIN_TO_WRITE = sa.update(_PRODUCTS).where(_PRODUCTS.c.id == -1).values(id=-1)


class ProductTables(SessionTables):
    """Products in the database of a session."""

    model: ClassVar[type[Base]] = Product

    def find_product(self, product_id: int) -> product_store.Product | None:
        """Return the product, or ``None``; its row can't be deleted before the transaction ends."""
        row = self._execute(_FIND_PRODUCT, product_id=product_id).one_or_none()
        return None if row is None else to_product(row)

    def add_product(
        self, name: str, created_at: datetime, **details: Unpack[product_store.ProductDetails]
    ) -> product_store.Product:
        """Store a new product and return it with its id."""
        values: dict[str, Any] = {"name": name, "created_at": created_at, "updated_at": created_at, **details}
        return product_store.Product(self._insert(Product, values), **values)

    def list_products(self) -> Sequence[product_store.Product]:
        """Return all products, by id."""
        return [to_product(row) for row in self._execute(sa.select(_PRODUCTS).order_by(_PRODUCTS.c.id))]

    def lock_product(self, product_id: int) -> product_store.Product | None:
        """Return the product, its row locked, or ``None``."""
        if self._connection().dialect.name == "sqlite":
            self._execute(_BEGIN_TO_WRITE)
        row = self._execute(_LOCK_PRODUCT, product_id=product_id).one_or_none()
        return None if row is None else to_product(row)

    def update_product(self, product: product_store.Product) -> None:
        """Store everything of a product."""
        values = {name: getattr(product, name) for name in _MEMBERS}
        self._connection().execute(sa.update(_PRODUCTS).where(_PRODUCTS.c.id == product.id).values(values))

    def delete_product(self, product_id: int) -> bool:
        """Delete a product, after the rows of this package whose foreign key says that they go with it.

        It stays while others refer to it.
        """
        connection = self._connection()
        referring = [
            (table, key)
            for table in Base.metadata.tables.values()
            for key in table.foreign_keys
            if key.references(_PRODUCTS)
        ]
        # SQLite keeps to no foreign key unless it is told to, so that these are followed here.
        for _, key in referring:
            stays = sa.select(key.parent).where(key.parent == product_id).limit(1)
            if key.ondelete != "CASCADE" and connection.execute(stays).first():
                return False
        try:
            with connection.begin_nested():
                for table, key in referring:
                    if key.ondelete == "CASCADE":
                        connection.execute(sa.delete(table).where(key.parent == product_id))
                connection.execute(sa.delete(_PRODUCTS).where(_PRODUCTS.c.id == product_id))
        except sa.exc.IntegrityError:
            return False
        return True


def to_product(row: sa.Row[Any], prefix: str = "") -> product_store.Product:
    """Return the product of a row that has all of its columns, under names with a prefix."""
    return product_store.Product(**{name: getattr(row, prefix + name) for name in _MEMBERS})
