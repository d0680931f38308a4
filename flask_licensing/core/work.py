"""What an operation works with, and the one way in which requests, methods and commands run one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from flask_licensing.core.domain import AuditEvent
from flask_licensing.core.signals import send_after_commit
from flask_licensing.core.transactions import run_transaction

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from blinker import NamedSignal
    from flask import Flask

    from flask_licensing.core.domain import Origin
    from flask_licensing.core.state import AuditLog, LicensingState
    from flask_licensing.core.store import KeyStore

Result = TypeVar("Result")


@dataclass(frozen=True)
class Work:
    """One operation's key store and audit log, where it comes from, and its one reading of the clock, naive UTC."""

    store: KeyStore
    audit_log: AuditLog
    origin: Origin
    now: datetime
    after_commit: list[Callable[[Flask], None]] = field(default_factory=list)
    """What is called with the app once the transaction is committed: signals and log lines."""
    license_key_generators: Mapping[str, Callable[..., Sequence[str]]] = field(default_factory=dict)
    """The site's functions that make license keys, by name."""

    def send(self, signal: NamedSignal, **payload: object) -> None:
        """Send a signal after the commit."""
        self.after_commit.append(lambda app: send_after_commit(signal, app, **payload))

    def log_after_commit(self, logger: logging.Logger, message: str, *arguments: object) -> None:
        """Write an informational line to the log after the commit."""
        self.after_commit.append(lambda _: logger.info(message, *arguments))

    def record(
        self,
        action: str,
        *,
        product_id: int | None = None,
        target: str | None = None,
        created: int | None = None,
        duplicate: int | None = None,
        deleted: int | None = None,
    ) -> None:
        """Record a change in the audit log, in the transaction that makes it."""
        event = AuditEvent(
            occurred_at=self.now,
            action=action,
            origin=self.origin,
            product_id=product_id,
            target=target,
            created=created,
            duplicate=duplicate,
            deleted=deleted,
        )
        self.audit_log.add(event)


def run_work(
    state: LicensingState,
    origin: Origin,
    operation: Callable[[Work], Result],
    *,
    now: datetime | None = None,
    commit: bool = True,
    retry: bool = False,
    repeatable: bool = False,
) -> Result:
    """Run an operation in a transaction of its own, commit, call what it left for after the commit, return its result.

    Args:
        state: the parts of the app.
        origin: where the operation comes from.
        operation: called once for each attempt.
        now: the time of the operation, naive UTC; by default the clock is read.
        commit: where false, the operation joins the transaction of the host's session, which commits or rolls back;
            nothing is called after the commit, as this package does not see it.
        retry: whether another attempt is made where the database ended the transaction. Only a request may: a retry
            drops what host code left pending in its session.
        repeatable: as in :func:`~flask_licensing.core.transactions.run_transaction`.

    """
    now = now or state.clock()

    def attempt() -> tuple[Work, Result]:
        functions = state.license_key_generators
        work = Work(state.key_store, state.audit_log, origin, now, license_key_generators=functions)
        return work, operation(work)

    if not commit:
        return attempt()[1]
    if retry:
        seconds = state.settings.transaction_retry_seconds
        work, result = run_transaction(state.key_store, attempt, retry_seconds=seconds, repeatable=repeatable)
    else:
        with state.key_store.transaction():
            work, result = attempt()
    for call in work.after_commit:
        call(state.app)
    return result
