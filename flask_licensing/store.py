"""What a key store has to do, and which groups of further methods it has: all of a group, or none."""

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

    from flask_licensing.domain import SignedAnswer


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
    """What every key store does: it makes several calls one transaction."""

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


class IdempotencyStore(Protocol):
    """What every key store keeps: the answer that each ``Idempotency-Key`` stands for (contract section 3)."""

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
        """Delete the records created before ``before``, naive UTC, and return how many those were."""
        ...


class TableStore(TransactionStore, Protocol):
    """What a key store also has where its tables are created by migrations."""

    def missing_tables(self) -> Sequence[str]:
        """Return the names of the tables that should be there and are not."""
        ...


class KeyStore(TransactionStore, IdempotencyStore, Protocol):
    """What every key store has to do; each group of further methods is a Protocol of its own.

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
    """Return the store as one that has the group; raise :class:`LicensingError` with ``lack``, a verb, where not."""
    if has_group(store, group):
        return store
    raise LicensingError(f"{type(store).__name__} {lack}.")


def check_groups(store: object, groups: Iterable[type]) -> Sequence[str]:
    """Return the methods of the groups that a store has not.

    Refuse one that lacks what every store has, or has some methods of a group and not the others.

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
