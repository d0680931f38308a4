"""Help for the tests of hosts: the pytest plugin, and the contracts that a key store of a host's own has to pass."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask_licensing.testing.answers import assert_signed
    from flask_licensing.testing.audit_store_contract import AuditStoreContract, IdempotencyRecordPurgeStoreContract
    from flask_licensing.testing.key_store_contract import KeyStoreContract
    from flask_licensing.testing.optional_store_contracts import (
        ApiKeyStoreContract,
        LicenseKeyPageStoreContract,
        LicenseKeyRowStoreContract,
        ProductStoreContract,
    )
    from flask_licensing.testing.parts import generate_private_key

__all__ = [
    "ApiKeyStoreContract",
    "AuditStoreContract",
    "IdempotencyRecordPurgeStoreContract",
    "KeyStoreContract",
    "LicenseKeyPageStoreContract",
    "LicenseKeyRowStoreContract",
    "ProductStoreContract",
    "assert_signed",
    "generate_private_key",
]

_HOMES = {
    "ApiKeyStoreContract": "optional_store_contracts",
    "AuditStoreContract": "audit_store_contract",
    "IdempotencyRecordPurgeStoreContract": "audit_store_contract",
    "KeyStoreContract": "key_store_contract",
    "LicenseKeyPageStoreContract": "optional_store_contracts",
    "LicenseKeyRowStoreContract": "optional_store_contracts",
    "ProductStoreContract": "optional_store_contracts",
    "assert_signed": "answers",
    "generate_private_key": "parts",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
