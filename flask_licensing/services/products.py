"""Creating products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.errors import LicensingError
from flask_licensing.fields import check_name
from flask_licensing.hooks import ProductStore

if TYPE_CHECKING:
    from flask_licensing.domain import Product
    from flask_licensing.work import Work

PRODUCT_CREATED = "product-created"


def create_product(work: Work, name: str) -> Product:
    """Store a new product.

    Raises:
        IncorrectData: the name is empty, too long or not text.

    """
    product = require_product_store(work.store).add_product(check_name(name), work.now)
    work.record(PRODUCT_CREATED, product_id=product.id)
    return product


def require_product_store(store: object) -> ProductStore:
    """Return ``store`` as one that manages products; raise :class:`LicensingError` where it does not."""
    if not isinstance(store, ProductStore):
        raise LicensingError(f"{type(store).__name__} does not manage products.")
    return store
