"""The tables of the package, as typed SQLAlchemy classes on a base of their own."""

from __future__ import annotations

from flask_licensing.activations.tables import Activation
from flask_licensing.api_keys.tables import ApiKey
from flask_licensing.audit.tables import AuditRecord
from flask_licensing.core.tables import Base, IdempotencyRecord, project_models
from flask_licensing.generators.tables import Generator
from flask_licensing.license_keys.model import LicenseKey
from flask_licensing.metadata.tables import MetadataRow
from flask_licensing.orders.tables import Order, SoldLicenseKey
from flask_licensing.products.tables import Product
from flask_licensing.queue.tables import QueueJob

__all__ = [
    "Activation",
    "ApiKey",
    "AuditRecord",
    "Base",
    "Generator",
    "IdempotencyRecord",
    "LicenseKey",
    "MetadataRow",
    "Order",
    "Product",
    "QueueJob",
    "SoldLicenseKey",
    "project_models",
]
