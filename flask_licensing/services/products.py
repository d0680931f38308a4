"""Creating products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.errors import LicensingError
from flask_licensing.hooks import ProductStore
from flask_licensing.schemas import check_name

if TYPE_CHECKING:
    from datetime import datetime

    from flask_licensing.domain import Product


def create_product(store: ProductStore, name: str, now: datetime) -> Product:
    """Store a new product; the caller holds the transaction.

    Raises:
        IncorrectData: the name is empty, too long or not text.

    """
    return store.add_product(check_name(name), now)


def require_product_store(store: object) -> ProductStore:
    """Return ``store`` as one that manages products; raise :class:`LicensingError` where it does not."""
    if not isinstance(store, ProductStore):
        raise LicensingError(f"{type(store).__name__} does not manage products.")
    return store
