"""The methods that every key store needs, and the check that it has each further group wholly or not at all."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeGuard, TypeVar

from flask_licensing.errors import ConfigurationError, IdempotencyConflict, LicensingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from flask_licensing.core.domain import SignedAnswer


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """The answer that an ``Idempotency-Key`` stands for.

    ``key_digest`` is the SHA-256 (hex) of caller, endpoint and key; ``payload_digest`` that of the request's fields.
    """

    key_digest: str
    payload_digest: str
    answer: SignedAnswer
    created_at: datetime


class TransactionStore(Protocol):
    """Makes several calls one transaction; every key store does."""

    def transaction(self) -> AbstractContextManager[None]:
        """Make everything done inside the ``with`` block one transaction.

        Leaving the block commits; an exception leaving it rolls everything back and goes on. It surrounds all other
        calls, once per request and attempt. Its exception decides whether there is a retry
        (:func:`flask_licensing.core.transactions.run_transaction`):

        Raises:
            TransactionConflict: a deadlock or another conflict; retried for some time.
            ConstraintViolation: a constraint refused a row; retried once.
            ConnectionLost: the connection broke before the commit, so nothing is stored; retried once.
            CommitOutcomeUnknown: the connection broke during the commit; retried if an ``Idempotency-Key`` makes that
                safe.

        """
        ...


class IdempotencyStore(Protocol):
    """Keeps the answer to each ``Idempotency-Key`` (contract section 3); every key store does."""

    def find_idempotency_record(self, key_digest: str) -> IdempotencyRecord | None:
        """Return the record with this digest (64 hexadecimal characters), or ``None``."""
        ...

    def add_idempotency_record(self, record: IdempotencyRecord) -> None:
        """Store a record.

        Raises:
            IdempotencyConflict: there is a record with this digest already, or one is being stored at this moment.

        """
        ...

    def delete_idempotency_records(self, before: datetime) -> int:
        """Delete the records created before ``before``, naive UTC, and return their number."""
        ...


class TableStore(TransactionStore, Protocol):
    """A key store whose tables are created by migrations."""

    def missing_tables(self) -> Sequence[str]:
        """Return the names of the tables that should be there and are not."""
        ...


class LockWaitStore(Protocol):
    """A key store whose database can be told how long to wait for what others have locked."""

    def waiting_at_most(self, seconds: float) -> AbstractContextManager[None]:
        """Let a statement inside the ``with`` block wait that long for a lock, about, and then end the transaction.

        The transaction ends as for a deadlock, with :class:`~flask_licensing.errors.TransactionConflict`.
        """
        ...


class KeyStore(TransactionStore, IdempotencyStore, Protocol):
    """The methods that every key store needs; each group of further methods is a Protocol of its own.

    One store serves all threads of an app. Any method may raise
    :class:`~flask_licensing.errors.StoreUnavailable`, which the client sees as code 9503.
    :class:`flask_licensing.stores.session.SessionStore` does all of this over the session of a host.
    """


Group = TypeVar("Group")

_REQUIRED = (TransactionStore, IdempotencyStore)


def has_group(store: object, group: type[Group]) -> TypeGuard[Group]:
    """Answer whether a store has every method that a Protocol names itself.

    ``getattr`` decides, also for a store behind a wrapper with ``__getattr__``. ``isinstance`` of a runtime Protocol
    does not look there from Python 3.12 on.
    """
    return not _missing(store, group)


def require_group(store: object, group: type[Group], lack: str) -> Group:
    """Return the store, typed as the group; if it lacks it, raise :class:`LicensingError` with ``lack`` as the verb."""
    if has_group(store, group):
        return store
    raise LicensingError(f"{type(store).__name__} {lack}.")


def check_groups(store: object, groups: Iterable[type]) -> Sequence[str]:
    """Return the names of the methods that a store lacks of these groups.

    A store is refused if it lacks a method that every store needs, or has only some methods of a group.

    Raises:
        ConfigurationError: it names the methods that are missing.

    """
    name = type(store).__name__
    missing = [method for group in _REQUIRED for method in _missing(store, group)]
    if missing:
        raise ConfigurationError(f"The key store {name} has no {', no '.join(missing)}.")
    lacking: list[str] = []
    for group in groups:
        missing = _missing(store, group)
        lacking += missing
        if missing and len(missing) < len(_methods(group)):
            raise ConfigurationError(
                f"The key store {name} has some methods of {group.__name__} and no {', no '.join(missing)}:"
                " it needs all of them, or none."
            )
    return lacking


def _methods(group: type) -> list[str]:
    return [name for name, member in vars(group).items() if callable(member) and not name.startswith("_")]


def _missing(store: object, group: type) -> list[str]:
    return [name for name in _methods(group) if not callable(getattr(store, name, None))]


class MemoryTables:
    """Rows in this process's memory: the dicts and lists of the subclasses; one transaction runs at a time."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the store for this thread; put back what was there if the block raises."""
        with self._lock:
            before = self._copy()
            try:
                yield
            except BaseException:
                vars(self).update(before)
                raise

    def _copy(self) -> dict[str, object]:
        return {name: rows.copy() for name, rows in vars(self).items() if isinstance(rows, dict | list)}


class MemoryIdempotencyRecords(MemoryTables):
    """An :class:`IdempotencyStore` in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._idempotency_records: dict[str, IdempotencyRecord] = {}

    def find_idempotency_record(self, key_digest: str) -> IdempotencyRecord | None:
        """Return the record, or ``None``."""
        return self._idempotency_records.get(key_digest)

    def add_idempotency_record(self, record: IdempotencyRecord) -> None:
        """Store a record; raise :class:`IdempotencyConflict` where there is one."""
        with self._lock:
            if self._idempotency_records.setdefault(record.key_digest, record) is not record:
                raise IdempotencyConflict(record.key_digest)

    def delete_idempotency_records(self, before: datetime) -> int:
        """Delete the records created before then; return how many those were."""
        with self._lock:
            records = self._idempotency_records
            old = [digest for digest, record in records.items() if record.created_at < before]
            for digest in old:
                del records[digest]
            return len(old)
