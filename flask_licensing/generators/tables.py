"""The table of generators, and its SQL."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from flask_licensing.core.tables import Base, SessionTables, table_of, text_type
from flask_licensing.generators import store
from flask_licensing.generators.store import GeneratorMethod
from flask_licensing.license_keys.model import LicenseKey
from flask_licensing.license_keys.tables import to_license_key
from flask_licensing.products.tables import Product

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_licensing.license_keys import store as license_key_store


class Generator(Base):
    """How license keys of a product are made, and the terms that they get."""

    __tablename__ = "licensing_generators"
    __table_args__ = (
        sa.PrimaryKeyConstraint("id", name="pk_licensing_generators"),
        sa.ForeignKeyConstraint(
            ["product_id"], [Product.id], name="fk_licensing_generators_product_id", ondelete="CASCADE"
        ),
    )

    id: Mapped[int] = mapped_column(sa.Integer)
    product_id: Mapped[int] = mapped_column(sa.Integer)
    method: Mapped[str] = mapped_column(sa.String(16))
    prefix: Mapped[str] = mapped_column(text_type())
    suffix: Mapped[str] = mapped_column(text_type())
    function_name: Mapped[str] = mapped_column(text_type())
    number_of_chunks: Mapped[int] = mapped_column(sa.Integer)
    chunk_length: Mapped[int] = mapped_column(sa.Integer)
    charset: Mapped[str] = mapped_column(text_type())
    activation_limit: Mapped[int] = mapped_column(sa.Integer)
    validity: Mapped[int] = mapped_column(sa.Integer)
    active: Mapped[bool] = mapped_column(sa.Boolean)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime)
    updated_at: Mapped[datetime] = mapped_column(sa.DateTime)


_TABLE = table_of(Generator)
_KEYS = table_of(LicenseKey)
# Deleting a product deletes its generators first, and so waits for every transaction that has locked one.
_FIND = sa.select(_TABLE).where(_TABLE.c.id == sa.bindparam("generator_id")).with_for_update(read=True, key_share=True)
_FIND_ACTIVE = (
    sa.select(_TABLE)
    .where(_TABLE.c.product_id == sa.bindparam("of_product"), _TABLE.c.active)
    .order_by(_TABLE.c.id.desc())
    .limit(1)
    .with_for_update(read=True, key_share=True)
)
_LIST = sa.select(_TABLE).order_by(_TABLE.c.id)
_COUNT_KEYS = sa.select(sa.func.count()).select_from(_KEYS)
_FIND_KEYS = sa.select(_KEYS).where(_KEYS.c.license_key.in_(sa.bindparam("texts", expanding=True)))


class GeneratorTables(SessionTables):
    """Generators in the database of a session."""

    model: ClassVar[type[Base]] = Generator

    def add_generator(self, generator: store.Generator) -> store.Generator:
        """Store a new generator and return it with its id."""
        return dataclasses.replace(generator, id=self._insert(Generator, _to_values(generator)))

    def update_generator(self, generator: store.Generator) -> None:
        """Store everything of a generator."""
        self._execute(sa.update(_TABLE).where(_TABLE.c.id == generator.id).values(_to_values(generator)))

    def find_generator(self, generator_id: int) -> store.Generator | None:
        """Return the generator, or ``None``; its row can't be deleted before the transaction ends."""
        return _to_generator(self._execute(_FIND, generator_id=generator_id).one_or_none())

    def find_active_generator(self, product_id: int) -> store.Generator | None:
        """Return the newest active generator of a product, or ``None``; its row can't be deleted either."""
        return _to_generator(self._execute(_FIND_ACTIVE, of_product=product_id).one_or_none())

    def list_generators(self) -> Sequence[store.Generator]:
        """Return all generators, by id."""
        return [generator for row in self._execute(_LIST) if (generator := _to_generator(row))]

    def count_all_license_keys(self) -> int:
        """Return how many license keys there are."""
        return int(self._execute(_COUNT_KEYS).scalar_one())

    def find_license_keys_of(self, texts: Sequence[str]) -> Sequence[license_key_store.LicenseKey]:
        """Return the stored license keys among these."""
        return [to_license_key(row) for row in self._execute(_FIND_KEYS, texts=list(texts))]


def _to_values(generator: store.Generator) -> dict[str, object]:
    names = [column.name for column in _TABLE.columns if column.name != "id"]
    return {name: getattr(generator, name) for name in names} | {"method": generator.method.value}


def _to_generator(row: sa.Row[Any] | None) -> store.Generator | None:
    if row is None:
        return None
    values = row._asdict()
    return store.Generator(**{**values, "method": GeneratorMethod(values["method"])})
