"""Products: what a key store does with them, as Protocols, and in memory."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypedDict

from flask_licensing.core.store import MemoryTables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Unpack


class ProductStatus(StrEnum):
    """Whether the license keys of a product can be used: those of an inactive one are refused (contract section 6)."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class ProductSource(StrEnum):
    """Where a product is sold: by the site itself, or on Envato's market."""

    INTERNAL = "internal"
    ENVATO = "envato"


class ProductDetails(TypedDict, total=False):
    """What may be said of a product beside its name, checked: what is not given has the default of :class:`Product`."""

    description: str
    source: str
    status: str
    require_non_expired: bool
    external_reference: str


@dataclass(frozen=True, slots=True)
class Product:
    """A piece of software that license keys are sold for.

    ``require_non_expired`` is kept for clients and changes nothing here. The times, naive UTC, are ``None`` where a
    store does not keep them.
    """

    id: int
    name: str
    status: str = ProductStatus.ACTIVE.value
    description: str = ""
    source: str = ProductSource.INTERNAL.value
    require_non_expired: bool = False
    external_reference: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether its license keys can be used."""
        return self.status == ProductStatus.ACTIVE


class ProductStore(Protocol):
    """A key store that knows products."""

    def find_product(self, product_id: int) -> Product | None:
        """Return the product, or ``None``; ``product_id`` is from 1 to 2147483647."""
        ...


class ProductManagementStore(Protocol):
    """A key store in which this package can create products."""

    def add_product(self, name: str, created_at: datetime, **details: Unpack[ProductDetails]) -> Product:
        """Store a new product and return it with its id."""
        ...

    def list_products(self) -> Sequence[Product]:
        """Return all products, by id."""
        ...


class ProductChangeStore(Protocol):
    """What a key store also does whose products can be changed and deleted."""

    def lock_product(self, product_id: int) -> Product | None:
        """Return the product as it is at this moment, locked, or ``None``.

        From here to the end of the transaction no other transaction gets it from this method.
        """
        ...

    def update_product(self, product: Product) -> None:
        """Store everything of a locked product, found by its id."""
        ...

    def delete_product(self, product_id: int) -> bool:
        """Delete a locked product with what this package keeps of it, and return true.

        Return false, and change nothing, while license keys or rows of the host's own refer to it. License keys of it
        that another transaction creates at the same moment are either seen here, or not created.
        """
        ...


class MemoryProducts(MemoryTables):
    """Products in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._products: dict[int, Product] = {}
        self._last_product_id = 0

    def find_product(self, product_id: int) -> Product | None:
        """Return the product, or ``None``."""
        return self._products.get(product_id)

    def add_product(self, name: str, created_at: datetime, **details: Unpack[ProductDetails]) -> Product:
        """Store a new product and return it with its id."""
        with self._lock:
            self._last_product_id += 1
            product = Product(self._last_product_id, name, created_at=created_at, updated_at=created_at)
            product = dataclasses.replace(product, **details)
            self._products[product.id] = product
            return product

    def list_products(self) -> Sequence[Product]:
        """Return all products, by id."""
        return list(self._products.values())

    def lock_product(self, product_id: int) -> Product | None:
        """Return the product, or ``None``: one transaction runs at a time."""
        return self.find_product(product_id)

    def update_product(self, product: Product) -> None:
        """Store everything of a product."""
        self._products[product.id] = product

    def delete_product(self, product_id: int) -> bool:
        """Delete a product; what refers to it is never found again, as ids are not used twice."""
        del self._products[product_id]
        return True
