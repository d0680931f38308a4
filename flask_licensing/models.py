"""The tables of the package, as typed SQLAlchemy classes on a base of their own."""

from __future__ import annotations

from flask_licensing.stores.api_key_tables import ApiKey
from flask_licensing.stores.audit_tables import AuditRecord
from flask_licensing.stores.license_key_model import LicenseKey
from flask_licensing.stores.product_tables import Product
from flask_licensing.tables import Base, IdempotencyRecord, project_models

__all__ = ["ApiKey", "AuditRecord", "Base", "IdempotencyRecord", "LicenseKey", "Product", "project_models"]
