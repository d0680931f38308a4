"""The hooks through which a host supplies its own parts, as Protocols and callables.

Each is given to :class:`flask_licensing.Licensing` as an object, or in configuration as an import string
``"package.module:name"``.
"""

from __future__ import annotations

from flask_licensing.activations.store import Activation, ActivationStore, LicenseKeyState
from flask_licensing.api_keys.store import ApiKey, ApiKeyStore, NewApiKey
from flask_licensing.assignment.store import StockStore
from flask_licensing.audit.store import AuditRecord, AuditStore, AuditTriggerStore
from flask_licensing.core.domain import AuditEvent, Authenticator, Caller, Clock, Credentials, Origin, SignedAnswer
from flask_licensing.core.metadata import Metadata, MetadataOwner, MetadataStore
from flask_licensing.core.store import (
    IdempotencyRecord,
    IdempotencyStore,
    KeyStore,
    LockWaitStore,
    TableStore,
    TransactionStore,
)
from flask_licensing.generators.fields import GivenGenerator
from flask_licensing.generators.store import Generator, GeneratorMethod, GeneratorStore, LicenseKeyFunction
from flask_licensing.license_keys.store import (
    TERMS,
    CreationResult,
    GivenTerms,
    LicenseKey,
    LicenseKeyBatch,
    LicenseKeyChangeStore,
    LicenseKeyFilter,
    LicenseKeyPageStore,
    LicenseKeyRowStore,
    LicenseKeySearchStore,
    LicenseKeyStatus,
    LicenseKeyStore,
    LicenseKeyTerms,
)
from flask_licensing.metadata.store import MetadataChangeStore, MetadataImportStore
from flask_licensing.orders.store import Order, OrderStore
from flask_licensing.private_keys.versions import (
    PrivateKey,
    PrivateKeySource,
    PrivateKeyState,
    PrivateKeyVersion,
    SupportsSign,
)
from flask_licensing.products.store import (
    Product,
    ProductChangeStore,
    ProductDetails,
    ProductManagementStore,
    ProductSource,
    ProductStatus,
    ProductStore,
)
from flask_licensing.queue.store import Job, JobStatus, QueueStore

__all__ = [
    "TERMS",
    "Activation",
    "ActivationStore",
    "ApiKey",
    "ApiKeyStore",
    "AuditEvent",
    "AuditRecord",
    "AuditStore",
    "AuditTriggerStore",
    "Authenticator",
    "Caller",
    "Clock",
    "CreationResult",
    "Credentials",
    "Generator",
    "GeneratorMethod",
    "GeneratorStore",
    "GivenGenerator",
    "GivenTerms",
    "IdempotencyRecord",
    "IdempotencyStore",
    "Job",
    "JobStatus",
    "KeyStore",
    "LicenseKey",
    "LicenseKeyBatch",
    "LicenseKeyChangeStore",
    "LicenseKeyFilter",
    "LicenseKeyFunction",
    "LicenseKeyPageStore",
    "LicenseKeyRowStore",
    "LicenseKeySearchStore",
    "LicenseKeyState",
    "LicenseKeyStatus",
    "LicenseKeyStore",
    "LicenseKeyTerms",
    "LockWaitStore",
    "Metadata",
    "MetadataChangeStore",
    "MetadataImportStore",
    "MetadataOwner",
    "MetadataStore",
    "NewApiKey",
    "Order",
    "OrderStore",
    "Origin",
    "PrivateKey",
    "PrivateKeySource",
    "PrivateKeyState",
    "PrivateKeyVersion",
    "Product",
    "ProductChangeStore",
    "ProductDetails",
    "ProductManagementStore",
    "ProductSource",
    "ProductStatus",
    "ProductStore",
    "QueueStore",
    "SignedAnswer",
    "StockStore",
    "SupportsSign",
    "TableStore",
    "TransactionStore",
]
