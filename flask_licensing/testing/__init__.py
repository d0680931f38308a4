"""Help for the tests of hosts: the pytest plugin, and the contracts that a key store of a host's own has to pass."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask_licensing.testing.answers import assert_signed
    from flask_licensing.testing.contracts.activations import ActivationStoreContract
    from flask_licensing.testing.contracts.api_keys import ApiKeyStoreContract
    from flask_licensing.testing.contracts.audit import AuditStoreContract
    from flask_licensing.testing.contracts.generators import GeneratorStoreContract
    from flask_licensing.testing.contracts.key_store import KeyStoreContract
    from flask_licensing.testing.contracts.license_key_changes import (
        LicenseKeyChangeStoreContract,
        LicenseKeySearchStoreContract,
    )
    from flask_licensing.testing.contracts.license_keys import (
        LicenseKeyPageStoreContract,
        LicenseKeyRowStoreContract,
        LicenseKeyStoreContract,
    )
    from flask_licensing.testing.contracts.metadata import MetadataImportStoreContract, MetadataStoreContract
    from flask_licensing.testing.contracts.orders import OrderStoreContract
    from flask_licensing.testing.contracts.products import (
        ProductChangeStoreContract,
        ProductManagementStoreContract,
        ProductStoreContract,
    )
    from flask_licensing.testing.contracts.queue import QueueStoreContract
    from flask_licensing.testing.contracts.stock import StockStoreContract
    from flask_licensing.testing.parts import generate_private_key
    from flask_licensing.testing.stored import find_license_key

__all__ = [
    "ActivationStoreContract",
    "ApiKeyStoreContract",
    "AuditStoreContract",
    "GeneratorStoreContract",
    "KeyStoreContract",
    "LicenseKeyChangeStoreContract",
    "LicenseKeyPageStoreContract",
    "LicenseKeyRowStoreContract",
    "LicenseKeySearchStoreContract",
    "LicenseKeyStoreContract",
    "MetadataImportStoreContract",
    "MetadataStoreContract",
    "OrderStoreContract",
    "ProductChangeStoreContract",
    "ProductManagementStoreContract",
    "ProductStoreContract",
    "QueueStoreContract",
    "StockStoreContract",
    "assert_signed",
    "find_license_key",
    "generate_private_key",
]

_HOMES = {
    "ActivationStoreContract": "contracts.activations",
    "ApiKeyStoreContract": "contracts.api_keys",
    "AuditStoreContract": "contracts.audit",
    "GeneratorStoreContract": "contracts.generators",
    "KeyStoreContract": "contracts.key_store",
    "LicenseKeyChangeStoreContract": "contracts.license_key_changes",
    "LicenseKeyPageStoreContract": "contracts.license_keys",
    "LicenseKeyRowStoreContract": "contracts.license_keys",
    "LicenseKeySearchStoreContract": "contracts.license_key_changes",
    "LicenseKeyStoreContract": "contracts.license_keys",
    "MetadataImportStoreContract": "contracts.metadata",
    "MetadataStoreContract": "contracts.metadata",
    "OrderStoreContract": "contracts.orders",
    "ProductChangeStoreContract": "contracts.products",
    "ProductManagementStoreContract": "contracts.products",
    "ProductStoreContract": "contracts.products",
    "QueueStoreContract": "contracts.queue",
    "StockStoreContract": "contracts.stock",
    "assert_signed": "answers",
    "find_license_key": "stored",
    "generate_private_key": "parts",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
