"""The hooks through which a host supplies its own parts, as Protocols and callables.

Each is given to :class:`flask_licensing.Licensing` as an object, or in configuration as an import string
``"package.module:name"``.
"""

from __future__ import annotations

from flask_licensing.domain import Authenticator, Clock
from flask_licensing.private_key_versions import (
    PrivateKey,
    PrivateKeySource,
    PrivateKeyState,
    PrivateKeyVersion,
    SupportsSign,
)
from flask_licensing.store import IdempotencyStore, KeyStore, TableStore, TransactionStore
from flask_licensing.stores.api_key_store import ApiKeyStore
from flask_licensing.stores.audit_store import AuditStore, AuditTriggerStore
from flask_licensing.stores.license_key_store import LicenseKeyPageStore, LicenseKeyRowStore, LicenseKeyStore
from flask_licensing.stores.product_store import ProductManagementStore, ProductStore

__all__ = [
    "ApiKeyStore",
    "AuditStore",
    "AuditTriggerStore",
    "Authenticator",
    "Clock",
    "IdempotencyStore",
    "KeyStore",
    "LicenseKeyPageStore",
    "LicenseKeyRowStore",
    "LicenseKeyStore",
    "PrivateKey",
    "PrivateKeySource",
    "PrivateKeyState",
    "PrivateKeyVersion",
    "ProductManagementStore",
    "ProductStore",
    "SupportsSign",
    "TableStore",
    "TransactionStore",
]
