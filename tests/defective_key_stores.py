"""Key stores with one defect each, which the shipped contract has to notice."""

from __future__ import annotations

import unicodedata
from collections import UserDict, UserList
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from flask_licensing.stores.memory import MemoryKeyStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from flask_licensing.core.domain import AuditEvent
    from flask_licensing.hooks import AuditRecord, IdempotencyRecord, LicenseKeyTerms


class _ChangedKeys(MemoryKeyStore):
    """Compares license keys by what a method makes of them."""

    def changed(self, license_key: str) -> str:
        raise NotImplementedError

    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        return super().add_license_keys(sorted(set(map(self.changed, license_keys))), terms, created_at)


class IgnoresCase(_ChangedKeys):
    def changed(self, license_key: str) -> str:
        return license_key.casefold()


class IgnoresComposition(_ChangedKeys):
    def changed(self, license_key: str) -> str:
        return unicodedata.normalize("NFC", license_key)


class IgnoresAccents(_ChangedKeys):
    def changed(self, license_key: str) -> str:
        return "".join(char for char in unicodedata.normalize("NFD", license_key) if not unicodedata.combining(char))


class TakesAllEmojiForOne(_ChangedKeys):
    def changed(self, license_key: str) -> str:
        return "".join(min(char, "\uffff") for char in license_key)


class ComparesTheFirst191Characters(_ChangedKeys):
    def changed(self, license_key: str) -> str:
        return license_key[:191]


class CountsWhatWasSent(MemoryKeyStore):
    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        super().add_license_keys(license_keys, terms, created_at)
        return len(license_keys)


class OverwritesKnownKeys(MemoryKeyStore):
    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        with self.transaction():
            for license_key in license_keys:
                self._license_keys.pop(license_key, None)
            return super().add_license_keys(license_keys, terms, created_at)


class StoresTheFirst999Keys(MemoryKeyStore):
    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        return super().add_license_keys(license_keys[:999], terms, created_at)


class ForgetsTheOwner(MemoryKeyStore):
    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        return super().add_license_keys(license_keys, replace(terms, owner_name=None), created_at)


class NeverRollsBack(MemoryKeyStore):
    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            yield


class RollsBackOnErrorsAlone(MemoryKeyStore):
    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            before = self._copy()
            try:
                yield
            except Exception:
                vars(self).update(before)
                raise


class SwallowsExceptions(MemoryKeyStore):
    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            before = self._copy()
            try:
                yield
            except BaseException:  # noqa: BLE001 - this is the defect
                vars(self).update(before)


class OverwritesIdempotencyRecords(MemoryKeyStore):
    def add_idempotency_record(self, record: IdempotencyRecord) -> None:
        with self._lock:
            self._idempotency_records[record.key_digest] = record


class ForgetsTheSigningKey(MemoryKeyStore):
    def add_idempotency_record(self, record: IdempotencyRecord) -> None:
        super().add_idempotency_record(replace(record, answer=replace(record.answer, signing_key_id=None)))


class RemembersOutsideTheTransaction(MemoryKeyStore):
    def __init__(self) -> None:
        super().__init__()
        self._records: UserDict[str, IdempotencyRecord] = UserDict()

    def add_idempotency_record(self, record: IdempotencyRecord) -> None:
        super().add_idempotency_record(record)
        self._records[record.key_digest] = record

    def find_idempotency_record(self, key_digest: str) -> IdempotencyRecord | None:
        return self._records.get(key_digest)


class KnowsNoProduct(MemoryKeyStore):
    def find_product(self, product_id: int) -> None:
        return None


class RecordsOutsideTheTransaction(MemoryKeyStore):
    def __init__(self) -> None:
        super().__init__()
        self._kept: UserList[AuditRecord] = UserList()

    def add_audit_event(self, event: AuditEvent) -> None:
        super().add_audit_event(event)
        self._kept.append(self._audit_records[-1])

    def list_audit_records(
        self, before_id: int | None, limit: int, *, since: datetime | None, action: str | None
    ) -> list[AuditRecord]:
        return list(self._kept)[::-1]


class ListsTheOldestRecordsFirst(MemoryKeyStore):
    def list_audit_records(
        self, before_id: int | None, limit: int, *, since: datetime | None, action: str | None
    ) -> list[AuditRecord]:
        found = super().list_audit_records(None, 10**6, since=since, action=action)
        return [record for record in reversed(found) if before_id is None or record.id > before_id][:limit]


class ListsEveryAction(MemoryKeyStore):
    def list_audit_records(
        self, before_id: int | None, limit: int, *, since: datetime | None, action: str | None
    ) -> Sequence[AuditRecord]:
        return super().list_audit_records(before_id, limit, since=since, action=None)


class ForgetsTheRequestId(MemoryKeyStore):
    def add_audit_event(self, event: AuditEvent) -> None:
        super().add_audit_event(replace(event, origin=replace(event.origin, request_id=None)))


class PurgesWithoutATrace(MemoryKeyStore):
    def purge_audit_records(self, before: datetime, event: AuditEvent) -> int:
        deleted = super().purge_audit_records(before, event)
        self._audit_records.pop()
        return deleted


class PurgesEverything(MemoryKeyStore):
    def purge_audit_records(self, before: datetime, event: AuditEvent) -> int:
        deleted = super().purge_audit_records(before, event)
        del self._audit_records[:-1]
        return deleted


class DeletesEveryIdempotencyRecord(MemoryKeyStore):
    def delete_idempotency_records(self, before: datetime) -> int:
        return super().delete_idempotency_records(before.max)
