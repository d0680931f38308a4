"""A key store in this process's memory, for tests and demos: nothing outlives the process."""

from __future__ import annotations

import dataclasses
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from flask_licensing.domain import (
    ApiKey,
    AuditRecord,
    IdempotencyRecord,
    LicenseKey,
    LicenseKeyTerms,
    Product,
)
from flask_licensing.errors import IdempotencyConflict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from flask_licensing.domain import AuditEvent, LicenseKeyStatus
    from flask_licensing.networks import IpNetwork


@dataclass
class _Tables:
    products: dict[int, Product] = field(default_factory=dict)
    license_keys: dict[str, LicenseKey] = field(default_factory=dict)
    api_keys: dict[str, ApiKey] = field(default_factory=dict)
    idempotency_records: dict[str, IdempotencyRecord] = field(default_factory=dict)
    audit_records: list[AuditRecord] = field(default_factory=list)

    def copy(self) -> _Tables:
        return _Tables(
            dict(self.products),
            dict(self.license_keys),
            dict(self.api_keys),
            dict(self.idempotency_records),
            list(self.audit_records),
        )


class MemoryKeyStore:
    """A complete key store without a database; one transaction runs at a time.

    An app that is neither in debug nor in testing mode logs a warning when it starts with this store.
    """

    def __init__(self) -> None:
        self._tables = _Tables()
        self._lock = threading.RLock()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the store for this thread; put back what was there if the block raises."""
        with self._lock:
            before = self._tables.copy()
            try:
                yield
            except BaseException:
                self._tables = before
                raise

    def find_product(self, product_id: int) -> Product | None:
        """Return the product, or ``None``."""
        return self._tables.products.get(product_id)

    def add_product(self, name: str, created_at: datetime) -> Product:  # noqa: ARG002 - shown nowhere, so not kept
        """Store a new product and return it with its id."""
        with self._lock:
            product = Product(len(self._tables.products) + 1, name)
            self._tables.products[product.id] = product
            return product

    def list_products(self) -> Sequence[Product]:
        """Return all products, by id."""
        return list(self._tables.products.values())

    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        """Store the license keys that are not there yet; return how many."""
        with self._lock:
            stored = self._tables.license_keys
            new = [license_key for license_key in license_keys if license_key not in stored]
            for row_id, license_key in enumerate(new, start=len(stored) + 1):
                stored[license_key] = LicenseKey(row_id, license_key, terms, created_at)
            return len(new)

    def add_license_key_rows(self, rows: Sequence[tuple[str, LicenseKeyTerms]], created_at: datetime) -> int:
        """Store the license keys that are not there yet, each with its terms; return how many."""
        return sum(self.add_license_keys([license_key], terms, created_at) for license_key, terms in rows)

    def list_license_keys(
        self, after_id: int, limit: int, *, product_id: int | None, status: LicenseKeyStatus | None
    ) -> Sequence[LicenseKey]:
        """Return a page of license keys, by id."""
        matching = (
            key
            for key in self._tables.license_keys.values()
            if key.id > after_id and product_id in {None, key.terms.product_id} and status in {None, key.terms.status}
        )
        return list(islice(matching, limit))

    def find_license_key(self, license_key: str) -> LicenseKey | None:
        """Return the stored license key, or ``None``."""
        return self._tables.license_keys.get(license_key)

    def find_idempotency_record(self, key_digest: str) -> IdempotencyRecord | None:
        """Return the record, or ``None``."""
        return self._tables.idempotency_records.get(key_digest)

    def add_idempotency_record(self, record: IdempotencyRecord) -> None:
        """Store a record; raise :class:`IdempotencyConflict` where there is one."""
        with self._lock:
            if self._tables.idempotency_records.setdefault(record.key_digest, record) is not record:
                raise IdempotencyConflict(record.key_digest)

    def delete_idempotency_records(self, before: datetime) -> int:
        """Delete the records created before then; return how many those were."""
        with self._lock:
            records = self._tables.idempotency_records
            old = [key_digest for key_digest, record in records.items() if record.created_at < before]
            for key_digest in old:
                del records[key_digest]
            return len(old)

    def add_audit_event(self, event: AuditEvent) -> None:
        """Store an event."""
        with self._lock:
            records = self._tables.audit_records
            records.append(AuditRecord(records[-1].id + 1 if records else 1, event))

    def list_audit_records(
        self, before_id: int | None, limit: int, *, since: datetime | None, action: str | None
    ) -> Sequence[AuditRecord]:
        """Return a page of records, newest first."""
        matching = (
            record
            for record in reversed(self._tables.audit_records)
            if (before_id is None or record.id < before_id)
            and (since is None or record.event.occurred_at >= since)
            and action in {None, record.event.action}
        )
        return list(islice(matching, limit))

    def count_audit_records(self, before: datetime) -> int:
        """Return how many records are of events before then."""
        return sum(record.event.occurred_at < before for record in self._tables.audit_records)

    def purge_audit_records(self, before: datetime, event: AuditEvent) -> int:
        """Store the event of a purge and delete the records from before then; return how many those were."""
        with self._lock:
            self.add_audit_event(event)
            records = self._tables.audit_records
            kept = [record for record in records if record.event.occurred_at >= before]
            self._tables.audit_records = kept
            return len(records) - len(kept)

    def add_api_key(
        self,
        *,
        name: str,
        secret_hash: str,
        capabilities: frozenset[str] | None,
        allowed_networks: tuple[IpNetwork, ...] | None,
        expires_at: datetime | None,
        created_at: datetime,
    ) -> ApiKey:
        """Store a new, active API key."""
        with self._lock:
            api_key = ApiKey(
                id=len(self._tables.api_keys) + 1,
                name=name,
                active=True,
                capabilities=capabilities,
                allowed_networks=allowed_networks,
                expires_at=expires_at,
                last_used_at=None,
                created_at=created_at,
            )
            self._tables.api_keys[secret_hash] = api_key
            return api_key

    def find_api_key(self, secret_hash: str) -> ApiKey | None:
        """Return the API key whose secret has this hash, or ``None``."""
        return self._tables.api_keys.get(secret_hash)

    def list_api_keys(self) -> Sequence[ApiKey]:
        """Return all API keys, by id."""
        return list(self._tables.api_keys.values())

    def revoke_api_key(self, api_key_id: int) -> bool:
        """Make the API key inactive; answer whether there is such a key."""
        return self._replace_api_key(api_key_id, active=False)

    def record_api_key_use(self, api_key_id: int, used_at: datetime) -> None:
        """Store when the API key was last used."""
        self._replace_api_key(api_key_id, last_used_at=used_at)

    def _replace_api_key(self, api_key_id: int, **changes: object) -> bool:
        with self._lock:
            for secret_hash, api_key in self._tables.api_keys.items():
                if api_key.id == api_key_id:
                    self._tables.api_keys[secret_hash] = dataclasses.replace(api_key, **changes)  # type: ignore[arg-type] # names and types are this class's own
                    return True
            return False
