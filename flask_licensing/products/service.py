"""Creating products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.core.fields import check_name
from flask_licensing.core.store import require_group
from flask_licensing.products.store import ProductManagementStore, ProductStore

if TYPE_CHECKING:
    from flask_licensing.core.work import Work
    from flask_licensing.products.store import Product

PRODUCT_CREATED = "product-created"


def create_product(work: Work, name: str) -> Product:
    """Store a new product.

    Raises:
        IncorrectData: the name is empty, too long or not text.

    """
    product = require_product_store(work.store).add_product(check_name(name), work.now)
    work.record(PRODUCT_CREATED, product_id=product.id)
    return product


def find_product(store: object, product_id: int) -> Product | None:
    """Return the product, or ``None``; raise :class:`LicensingError` where the store knows no products."""
    return require_group(store, ProductStore, "knows no products").find_product(product_id)


def require_product_store(store: object) -> ProductManagementStore:
    """Return ``store`` as one that manages products; raise :class:`LicensingError` where it does not."""
    return require_group(store, ProductManagementStore, "does not manage products")
