"""Products: what license keys are sold for."""

from __future__ import annotations

from flask_licensing.http.feature import Feature
from flask_licensing.products.commands import COMMANDS
from flask_licensing.products.service import PRODUCT_CREATED
from flask_licensing.products.store import ProductManagementStore, ProductStore

FEATURE = Feature(
    groups=(ProductStore, ProductManagementStore),
    commands=COMMANDS,
    audit_actions=(PRODUCT_CREATED,),
)
