"""Products: what license keys are sold for."""

from __future__ import annotations

from flask_licensing.http.feature import Feature
from flask_licensing.products.commands import COMMANDS
from flask_licensing.products.endpoints import ENDPOINTS
from flask_licensing.products.service import PRODUCT_CREATED, PRODUCT_DELETED, PRODUCT_UPDATED
from flask_licensing.products.store import ProductChangeStore, ProductManagementStore, ProductStore

FEATURE = Feature(
    groups=(ProductStore, ProductManagementStore, ProductChangeStore),
    endpoints=ENDPOINTS,
    commands=COMMANDS,
    audit_actions=(PRODUCT_CREATED, PRODUCT_UPDATED, PRODUCT_DELETED),
)
