"""The hooks through which a host supplies its own parts, as Protocols and callables.

Each is given to :class:`flask_licensing.Licensing` as an object, or in configuration as an import string
``"package.module:name"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from flask_licensing.domain import Authenticator, Clock
from flask_licensing.private_key_versions import (
    PrivateKey,
    PrivateKeySource,
    PrivateKeyState,
    PrivateKeyVersion,
    SupportsSign,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from ipaddress import IPv4Network, IPv6Network

    from flask_licensing.domain import (
        ApiKey,
        AuditEvent,
        AuditRecord,
        IdempotencyRecord,
        LicenseKey,
        LicenseKeyStatus,
        LicenseKeyTerms,
        Product,
    )

__all__ = [
    "ApiKeyStore",
    "AuditStore",
    "AuditTriggerStore",
    "Authenticator",
    "Clock",
    "IdempotencyRecordPurgeStore",
    "KeyStore",
    "LicenseKeyPageStore",
    "LicenseKeyRowStore",
    "PrivateKey",
    "PrivateKeySource",
    "PrivateKeyState",
    "PrivateKeyVersion",
    "ProductStore",
    "SupportsSign",
    "TableStore",
]


class KeyStore(Protocol):
    """Where products and license keys live.

    The default is :class:`flask_licensing.stores.sqlalchemy.SQLAlchemyKeyStore`. A store of your own passes
    :class:`flask_licensing.testing.KeyStoreContract`. One store serves all threads of an app. Any method may raise
    :class:`~flask_licensing.errors.StoreUnavailable`, which the client sees as code 9503.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """Make everything done inside the ``with`` block one transaction.

        Leaving the block commits; an exception leaving it rolls everything back and goes on. Called around all other
        calls, once per request and attempt. What it raises decides what is attempted again
        (:func:`flask_licensing.services.transactions.run_transaction`):

        Raises:
            TransactionConflict: the database ended the transaction for another; it is tried again for a while.
            ConstraintViolation: a constraint refused a row; it is tried again once.
            ConnectionLost: the connection broke before the commit, so nothing is stored; it is tried again once.
            CommitOutcomeUnknown: the connection broke during the commit; it is tried again where an
                ``Idempotency-Key`` makes that safe.

        """
        ...

    def find_product(self, product_id: int) -> Product | None:
        """Return the product, or ``None``; ``product_id`` is from 1 to 2147483647."""
        ...

    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        """Store those of ``license_keys`` that are not there yet and return how many were stored.

        The keys are distinct, 1 to 255 characters long and sorted by code point. They compare exactly: case, accents
        and composition count. A key that is there already, with whatever product, stays as it is. What the return
        value counts is what was stored, also when another request stores the same keys at the same time.
        """
        ...

    def find_license_key(self, license_key: str) -> LicenseKey | None:
        """Return the stored license key that is exactly ``license_key``, or ``None``."""
        ...

    def find_idempotency_record(self, key_digest: str) -> IdempotencyRecord | None:
        """Return the record with this digest (64 hexadecimal characters), or ``None``."""
        ...

    def add_idempotency_record(self, record: IdempotencyRecord) -> None:
        """Store a record.

        Raises:
            IdempotencyConflict: there is a record with this digest already, or one is being stored at this moment.

        """
        ...


@runtime_checkable
class LicenseKeyRowStore(Protocol):
    """What a key store also does that imports license keys of different terms fast."""

    def add_license_key_rows(self, rows: Sequence[tuple[str, LicenseKeyTerms]], created_at: datetime) -> int:
        """As :meth:`KeyStore.add_license_keys`, with terms of its own for each license key."""
        ...


@runtime_checkable
class LicenseKeyPageStore(Protocol):
    """What a key store also does whose license keys can be exported."""

    def transaction(self) -> AbstractContextManager[None]:
        """As :meth:`KeyStore.transaction`."""
        ...

    def list_license_keys(
        self, after_id: int, limit: int, *, product_id: int | None, status: LicenseKeyStatus | None
    ) -> Sequence[LicenseKey]:
        """Return up to ``limit`` license keys with ids greater than ``after_id``, by id; ``None`` is any."""
        ...


@runtime_checkable
class ProductStore(Protocol):
    """What a key store also does where products are created through this package."""

    def add_product(self, name: str, created_at: datetime) -> Product:
        """Store a new product and return it with its id."""
        ...

    def list_products(self) -> Sequence[Product]:
        """Return all products, by id."""
        ...


@runtime_checkable
class ApiKeyStore(Protocol):
    """What a key store also does where callers are known by this package's own API keys."""

    def add_api_key(
        self,
        *,
        name: str,
        secret_hash: str,
        capabilities: frozenset[str] | None,
        allowed_networks: tuple[IPv4Network | IPv6Network, ...] | None,
        expires_at: datetime | None,
        created_at: datetime,
    ) -> ApiKey:
        """Store a new, active API key; ``secret_hash`` is 64 hexadecimal characters."""
        ...

    def find_api_key(self, secret_hash: str) -> ApiKey | None:
        """Return the API key whose secret has this hash, active or not, or ``None``."""
        ...

    def list_api_keys(self) -> Sequence[ApiKey]:
        """Return all API keys, by id."""
        ...

    def revoke_api_key(self, api_key_id: int) -> bool:
        """Make the API key inactive; answer whether there is such a key."""
        ...

    def record_api_key_use(self, api_key_id: int, used_at: datetime) -> None:
        """Store when the API key was last used, in a transaction that does nothing else.

        Where another transaction has a lock on it, it should store nothing rather than wait.
        """
        ...


@runtime_checkable
class AuditStore(Protocol):
    """What a key store also does that keeps an audit log."""

    def transaction(self) -> AbstractContextManager[None]:
        """As :meth:`KeyStore.transaction`."""
        ...

    def add_audit_event(self, event: AuditEvent) -> None:
        """Store an event; called in the transaction of the change that it tells of."""
        ...

    def list_audit_records(
        self, before_id: int | None, limit: int, *, since: datetime | None, action: str | None
    ) -> Sequence[AuditRecord]:
        """Return up to ``limit`` records, newest first, with ids less than ``before_id``; ``None`` is any."""
        ...

    def count_audit_records(self, before: datetime) -> int:
        """Return how many records are of events before ``before``, naive UTC in whole seconds."""
        ...

    def purge_audit_records(self, before: datetime, event: AuditEvent) -> int:
        """Store ``event``, which tells of this purge, and delete the records of events before ``before``.

        Return how many were deleted. The event itself stays: it is not before ``before``.
        """
        ...


@runtime_checkable
class AuditTriggerStore(Protocol):
    """What a key store also has whose database can refuse to change audit records."""

    def transaction(self) -> AbstractContextManager[None]:
        """As :meth:`KeyStore.transaction`."""
        ...

    def find_audit_triggers(self) -> Mapping[str, bool] | None:
        """Return the names of the triggers, and whether each is there; ``None`` where that can't be told."""
        ...

    def create_audit_triggers(self) -> None:
        """Create the triggers, in place of those that are there.

        Raises:
            LicensingError: there are none for this database.

        """
        ...


@runtime_checkable
class IdempotencyRecordPurgeStore(Protocol):
    """What a key store also does whose old idempotency records can be deleted."""

    def transaction(self) -> AbstractContextManager[None]:
        """As :meth:`KeyStore.transaction`."""
        ...

    def delete_idempotency_records(self, before: datetime) -> int:
        """Delete the records created before ``before``, naive UTC, and return how many those were."""
        ...


@runtime_checkable
class TableStore(Protocol):
    """What a key store also has where its tables are created by migrations."""

    def transaction(self) -> AbstractContextManager[None]:
        """As :meth:`KeyStore.transaction`."""
        ...

    def missing_tables(self) -> Sequence[str]:
        """Return the names of the tables that should be there and are not."""
        ...
