"""The audit log: who changed a key store, what, when and from where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.audit.store import AuditStore, AuditTriggerStore
from flask_licensing.core.domain import AuditEvent, naive_utc
from flask_licensing.core.store import has_group, require_group
from flask_licensing.errors import IncorrectData, TransactionConflict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flask_licensing.audit.store import AuditRecord
    from flask_licensing.core.state import LicensingState
    from flask_licensing.core.work import Work

AUDIT_LOG_PURGED = "audit-log-purged"
IDEMPOTENCY_RECORDS_PURGED = "idempotency-records-purged"

PAGE_SIZE = 1000
"""Records asked for at once."""


class AuditLog:
    """Records the changes of a key store in it; where the store is no :class:`AuditStore`, nothing is recorded."""

    def __init__(self, store: object) -> None:
        self._store = store if has_group(store, AuditStore) else None

    @property
    def is_kept(self) -> bool:
        """Whether there is a place for records."""
        return self._store is not None

    def add(self, event: AuditEvent) -> None:
        """Record a change; the caller holds the transaction that makes it."""
        if self._store is not None:
            self._store.add_audit_event(event)


def list_audit_records(
    store: object, *, limit: int | None, since: datetime | None, action: str | None
) -> Iterator[AuditRecord]:
    """Yield up to ``limit`` records of events since then and of one action, newest first; ``None`` is any.

    Each page is a transaction of its own.

    Raises:
        LicensingError: the key store keeps no audit log.

    """
    audit_store = _require_audit_store(store)
    since = None if since is None else naive_utc(since)
    last_id = None
    left = limit
    while left is None or left > 0:
        size = PAGE_SIZE if left is None else min(left, PAGE_SIZE)
        with audit_store.transaction():
            page = audit_store.list_audit_records(last_id, size, since=since, action=action)
        yield from page
        if len(page) < size:
            return
        last_id = page[-1].id
        left = None if left is None else left - size


def purge_audit_log(work: Work, *, before: datetime) -> int:
    """Delete the records of events before ``before``, in whole seconds, record that, and return how many those were.

    Raises:
        IncorrectData: ``before`` is in the future.
        LicensingError: the key store keeps no audit log.
        TransactionConflict: another purge ran at the same time; this one may be retried.

    """
    audit_store = _require_audit_store(work.store)
    before = cutoff(before, work.now)
    count = audit_store.count_audit_records(before)
    if count == 0:
        return 0
    event = AuditEvent(work.now, AUDIT_LOG_PURGED, work.origin, deleted=count, deleted_before=before)
    deleted = audit_store.purge_audit_records(before, event)
    if deleted != count:
        raise TransactionConflict("another purge ran at the same time")
    return deleted


def purge_idempotency_records(work: Work, *, before: datetime) -> int:
    """Delete the idempotency records from before ``before``, and return how many those were.

    Raises:
        IncorrectData: ``before`` is in the future.

    """
    deleted = work.store.delete_idempotency_records(cutoff(before, work.now))
    if deleted:
        work.record(IDEMPOTENCY_RECORDS_PURGED, deleted=deleted)
    return deleted


def protect_audit_log(store: object) -> None:
    """Create the triggers that make the audit log append-only; the caller holds the transaction.

    Raises:
        LicensingError: the key store has no triggers to create.

    """
    require_group(store, AuditTriggerStore, "has no triggers for an audit log").create_audit_triggers()


def _require_audit_store(store: object) -> AuditStore:
    return require_group(store, AuditStore, "keeps no audit log")


def cutoff(before: datetime, now: datetime) -> datetime:
    """Return the moment before which records are deleted, in whole seconds, naive UTC; it is not in the future."""
    before = naive_utc(before).replace(microsecond=0)
    if before > now:
        raise IncorrectData({"before": ["The date must not be in the future."]})
    return before


def check_audit_log(state: LicensingState) -> tuple[bool, str]:
    """Look whether an audit log is kept, and whether triggers protect it."""
    store = state.key_store
    if not state.audit_log.is_kept:
        return True, f"{type(store).__name__} keeps none"
    if not has_group(store, AuditTriggerStore):
        return True, f"{type(store).__name__} keeps one"
    with store.transaction():
        triggers = store.find_audit_triggers()
    if triggers is None:
        return True, "kept; whether triggers make it append-only can't be told from here"
    missing = [name for name, is_there in triggers.items() if not is_there]
    if not missing:
        return True, "append-only"
    if len(missing) == len(triggers):
        return True, "kept; its records can be changed: “flask licensing protect-audit-log” makes it append-only"
    return (
        False,
        f"it can be changed, triggers are missing; run “flask licensing protect-audit-log”: {', '.join(missing)}",
    )
