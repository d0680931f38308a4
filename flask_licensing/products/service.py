"""Creating, changing and deleting products (contract section 5)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from flask_licensing.core.signals import signals
from flask_licensing.core.store import require_group
from flask_licensing.errors import Code, IncorrectData, ProductInUse
from flask_licensing.products.fields import UNKNOWN_PRODUCT
from flask_licensing.products.store import ProductChangeStore, ProductManagementStore, ProductStore

if TYPE_CHECKING:
    from blinker import NamedSignal

    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.work import Work
    from flask_licensing.products.store import Product

CREATED = Code(750, "Product created")
INCORRECT_PRODUCT = Code(751, "Incorrect data found")
UPDATED = Code(650, "Product updated")
INCORRECT_CHANGES = Code(651, "Incorrect data found")
DELETED = Code(550, "Product deleted")
NOT_THERE_TO_DELETE = Code(551, "Product not found")
LISTED = Code(810, "All products")

PRODUCT_CREATED = "product-created"
PRODUCT_UPDATED = "product-updated"
PRODUCT_DELETED = "product-deleted"

product_created = signals.signal(PRODUCT_CREATED)
"""A product was created: ``product`` is the :class:`~flask_licensing.hooks.Product`."""

product_updated = signals.signal(PRODUCT_UPDATED)
"""A product was changed: ``product`` is the :class:`~flask_licensing.hooks.Product` as it is now."""

product_deleted = signals.signal(PRODUCT_DELETED)
"""A product was deleted: ``product`` is what it was."""


def create_product(work: Work, fields: LoadedFields) -> Product:
    """Store a new product.

    Raises:
        IncorrectData: a field is wrong.

    """
    if fields.errors:
        raise IncorrectData(fields.errors)
    details = dict(fields.value)
    product = require_product_store(work.store).add_product(details.pop("name"), work.now, **details)
    _record(work, PRODUCT_CREATED, product_created, product)
    return product


def update_product(work: Work, fields: LoadedFields) -> Product:
    """Change what is sent of a product, and return it as it is then.

    Raises:
        IncorrectData: a field is wrong, or there is no such product; nothing is changed.

    """
    changes = dict(fields.readable if fields.errors else fields.value)
    product_id = changes.pop("product_id", None)
    product = None if product_id is None else changes_of(work).lock_product(product_id)
    errors = dict(fields.errors)
    if product_id is not None and product is None:
        errors = {"product_id": [UNKNOWN_PRODUCT], **errors}
    if product is None or errors:
        raise IncorrectData(errors)
    changed = dataclasses.replace(product, **changes, updated_at=work.now)
    changes_of(work).update_product(changed)
    _record(work, PRODUCT_UPDATED, product_updated, changed)
    return changed


def delete_product(work: Work, product_id: int) -> Product | None:
    """Delete a product with its metadata, and return what it was; ``None`` if there is none.

    Raises:
        ProductInUse: it has license keys, or the site's own tables refer to it.

    """
    product = changes_of(work).lock_product(product_id)
    if product is None:
        return None
    if not changes_of(work).delete_product(product_id):
        raise ProductInUse
    _record(work, PRODUCT_DELETED, product_deleted, product)
    return product


def find_product(store: object, product_id: int) -> Product | None:
    """Return the product, or ``None``; raise :class:`LicensingError` where the store knows no products."""
    return require_group(store, ProductStore, "knows no products").find_product(product_id)


def require_product_store(store: object) -> ProductManagementStore:
    """Return ``store`` as one that manages products; raise :class:`LicensingError` where it does not."""
    return require_group(store, ProductManagementStore, "does not manage products")


def changes_of(work: Work) -> ProductChangeStore:
    """Return the store of the work as one whose products can be changed."""
    return require_group(work.store, ProductChangeStore, "does not change products")


def _record(work: Work, action: str, signal: NamedSignal, product: Product) -> None:
    work.record(action, product_id=product.id)
    work.send(signal, product=product)
