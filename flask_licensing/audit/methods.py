"""The part of the extension object that reads the audit log and deletes old records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.audit.service import (
    list_audit_records,
    protect_audit_log,
    purge_audit_log,
    purge_idempotency_records,
)
from flask_licensing.core.state import current_state
from flask_licensing.core.work import run_work
from flask_licensing.http.origins import current_origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flask_licensing.audit.store import AuditRecord


class RecordKeeping:
    """What :class:`flask_licensing.Licensing` does with records. Each method needs an app context."""

    def audit_log(
        self, *, limit: int | None = None, since: datetime | None = None, action: str | None = None
    ) -> Iterator[AuditRecord]:
        """Yield what changed the key store, newest first, page by page; memory stays flat however much there is.

        Args:
            limit: the most records; by default all.
            since: the time of the earliest, aware or naive UTC; by default any.
            action: what changed, such as ``"api-key-created"`` (docs/audit-log.md has all); by default any.

        Raises:
            LicensingError: the key store keeps no audit log.
            StoreUnavailable: the database can't be reached.

        """
        return list_audit_records(current_state().key_store, limit=limit, since=since, action=action)

    def purge_audit_log(self, before: datetime) -> int:
        """Delete the audit records from before a time, aware or naive UTC, commit, and return how many those were.

        The purge is itself a record, unless there was nothing to delete. The time counts in whole seconds.

        Raises:
            IncorrectData: the time is in the future.
            LicensingError: the key store keeps no audit log.
            StoreUnavailable: the database can't be reached.
            TransactionConflict: another purge ran at the same time; this one may be retried.

        """
        return run_work(current_state(), current_origin(), lambda work: purge_audit_log(work, before=before))

    def protect_audit_log(self) -> None:
        """Create the triggers that make the audit log append-only, in place of those that are there, and commit.

        A site that does not ask for them has none. They get lost where a tool copies the table, as a restore or a
        migration in batch mode may do.

        Raises:
            LicensingError: the key store, or its database, has no triggers to create.
            StoreUnavailable: the database can't be reached, or the user of the database may not create triggers.

        """
        state = current_state()
        with state.key_store.transaction():
            protect_audit_log(state.key_store)

    def purge_idempotency_records(self, before: datetime) -> int:
        """Delete the idempotency records from before a time, as :meth:`purge_audit_log` does with the audit log.

        A request with the ``Idempotency-Key`` of a deleted record has its effect again.

        Raises:
            IncorrectData: the time is in the future.
            StoreUnavailable: the database can't be reached.

        """
        return run_work(current_state(), current_origin(), lambda work: purge_idempotency_records(work, before=before))
