"""Products: what a key store does with them, as Protocols, and in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from flask_licensing.core.store import MemoryTables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


ACTIVE_PRODUCT = "active"
"""The status of a product whose license keys can be used: with any other they are refused (contract section 6)."""


@dataclass(frozen=True, slots=True)
class Product:
    """A piece of software that license keys are sold for."""

    id: int
    name: str
    status: str = ACTIVE_PRODUCT

    @property
    def is_active(self) -> bool:
        """Whether its license keys can be used."""
        return self.status == ACTIVE_PRODUCT


class ProductStore(Protocol):
    """A key store that knows products."""

    def find_product(self, product_id: int) -> Product | None:
        """Return the product, or ``None``; ``product_id`` is from 1 to 2147483647."""
        ...


class ProductManagementStore(Protocol):
    """A key store in which this package can create products."""

    def add_product(self, name: str, created_at: datetime) -> Product:
        """Store a new product and return it with its id."""
        ...

    def list_products(self) -> Sequence[Product]:
        """Return all products, by id."""
        ...


class MemoryProducts(MemoryTables):
    """Products in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._products: dict[int, Product] = {}

    def find_product(self, product_id: int) -> Product | None:
        """Return the product, or ``None``."""
        return self._products.get(product_id)

    def add_product(self, name: str, created_at: datetime) -> Product:  # noqa: ARG002 - shown nowhere, so not kept
        """Store a new product and return it with its id."""
        with self._lock:
            product = Product(len(self._products) + 1, name)
            self._products[product.id] = product
            return product

    def list_products(self) -> Sequence[Product]:
        """Return all products, by id."""
        return list(self._products.values())
