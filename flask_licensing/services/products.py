"""Creating products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.domain import AuditAction
from flask_licensing.errors import LicensingError
from flask_licensing.hooks import ProductStore
from flask_licensing.schemas import check_name

if TYPE_CHECKING:
    from datetime import datetime

    from flask_licensing.domain import Origin, Product
    from flask_licensing.services.audit_log import AuditLog


def create_product(store: ProductStore, audit_log: AuditLog, origin: Origin, name: str, now: datetime) -> Product:
    """Store a new product; the caller holds the transaction.

    Raises:
        IncorrectData: the name is empty, too long or not text.

    """
    product = store.add_product(check_name(name), now)
    audit_log.record(origin, AuditAction.PRODUCT_CREATED, now, product_id=product.id)
    return product


def require_product_store(store: object) -> ProductStore:
    """Return ``store`` as one that manages products; raise :class:`LicensingError` where it does not."""
    if not isinstance(store, ProductStore):
        raise LicensingError(f"{type(store).__name__} does not manage products.")
    return store
