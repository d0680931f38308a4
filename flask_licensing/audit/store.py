"""The audit log: what a key store does that keeps one, as Protocols, and in memory."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from flask_licensing.core.store import MemoryTables, TransactionStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from flask_licensing.core.domain import AuditEvent


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A stored event; ids grow."""

    id: int
    event: AuditEvent


class AuditStore(TransactionStore, Protocol):
    """A key store that keeps an audit log."""

    def add_audit_event(self, event: AuditEvent) -> None:
        """Store an event, in the transaction of the change that it records."""
        ...

    def list_audit_records(
        self, before_id: int | None, limit: int, *, since: datetime | None, action: str | None
    ) -> Sequence[AuditRecord]:
        """Return up to ``limit`` records, newest first, with ids less than ``before_id``; ``None`` is any."""
        ...

    def count_audit_records(self, before: datetime) -> int:
        """Return the number of records of events before ``before``, naive UTC in whole seconds."""
        ...

    def purge_audit_records(self, before: datetime, event: AuditEvent) -> int:
        """Store ``event``, the record of this purge, and delete the records of events before ``before``.

        Return how many were deleted. The event itself stays: it is not before ``before``.
        """
        ...


class AuditTriggerStore(TransactionStore, Protocol):
    """A key store whose database can refuse to change audit records."""

    def find_audit_triggers(self) -> Mapping[str, bool] | None:
        """Return the names of the triggers, and whether each is there; ``None`` where that is unknown."""
        ...

    def create_audit_triggers(self) -> None:
        """Create the triggers, in place of those that are there.

        Raises:
            LicensingError: there are no triggers for this database.

        """
        ...


class MemoryAuditLog(MemoryTables):
    """An :class:`AuditStore` in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._audit_records: list[AuditRecord] = []

    def add_audit_event(self, event: AuditEvent) -> None:
        """Store an event."""
        with self._lock:
            records = self._audit_records
            records.append(AuditRecord(records[-1].id + 1 if records else 1, event))

    def list_audit_records(
        self, before_id: int | None, limit: int, *, since: datetime | None, action: str | None
    ) -> Sequence[AuditRecord]:
        """Return a page of records, newest first."""
        matching = (
            record
            for record in reversed(self._audit_records)
            if (before_id is None or record.id < before_id)
            and (since is None or record.event.occurred_at >= since)
            and action in {None, record.event.action}
        )
        return list(islice(matching, limit))

    def count_audit_records(self, before: datetime) -> int:
        """Return how many records are of events before then."""
        return sum(record.event.occurred_at < before for record in self._audit_records)

    def purge_audit_records(self, before: datetime, event: AuditEvent) -> int:
        """Store the event of a purge and delete the records from before then; return how many those were."""
        with self._lock:
            self.add_audit_event(event)
            records = self._audit_records
            kept = [record for record in records if record.event.occurred_at >= before]
            self._audit_records = kept
            return len(records) - len(kept)
