"""What every key store has to do, as a class of tests.

.. code-block:: python

    class TestOurKeyStore(KeyStoreContract):
        @pytest.fixture
        def key_store(self):
            return OurKeyStore(...)

A store that works in an app context, as one over ``db.session`` does, also needs one in each thread:

.. code-block:: python

        @pytest.fixture
        def thread_context(self, app):
            return app.app_context
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from flask_licensing.core.domain import SignedAnswer
from flask_licensing.core.store import IdempotencyRecord
from flask_licensing.errors import IdempotencyConflict, TransactionConflict

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from flask_licensing.core.store import KeyStore

Result = TypeVar("Result")

NOW = datetime(2026, 1, 2, 3, 4, 5)
DAY = timedelta(days=1)
THREADS = 4


class RolledBack(Exception):
    """Raised by tests to leave a transaction."""


class StoreContract:
    """What the contracts of all groups have in common."""

    @pytest.fixture
    def key_store(self) -> Any:
        """Return the store under test, without license keys, API keys and records."""
        raise NotImplementedError("override the fixture key_store")

    @pytest.fixture
    def product_id(self) -> int:
        """Return the id of a product in the store."""
        raise NotImplementedError("override the fixture product_id")

    @pytest.fixture
    def thread_context(self) -> Callable[[], AbstractContextManager[object]]:
        """What makes the context in which a thread of its own uses the store; by default there is none."""
        return nullcontext

    @pytest.fixture
    def in_threads(self, thread_context: Callable[[], AbstractContextManager[object]]) -> Callable[..., list[Any]]:
        """Do the same work in several threads that start at once; return what each thread's work returned."""

        def in_threads(work: Callable[[int], Result], threads: int = THREADS) -> list[Result]:
            start = threading.Barrier(threads)

            def run(number: int) -> Result:
                start.wait()
                with thread_context():
                    return work(number)

            with ThreadPoolExecutor(threads) as pool:
                return list(pool.map(run, range(threads)))

        return in_threads


class KeyStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.KeyStore`; subclass it and supply ``key_store``."""

    @pytest.mark.parametrize(
        "signing_key_id", ["NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", None], ids=["known", "unknown"]
    )
    def test_an_idempotency_record_is_found_as_it_was_added(
        self, key_store: KeyStore, signing_key_id: str | None
    ) -> None:
        record = _record("1", body='{"é": "日本 😀"}' + " " * 10_000, signing_key_id=signing_key_id)
        with key_store.transaction():
            assert key_store.find_idempotency_record(record.key_digest) is None
            key_store.add_idempotency_record(record)
        with key_store.transaction():
            assert key_store.find_idempotency_record(record.key_digest) == record
            assert key_store.find_idempotency_record(_record("2").key_digest) is None

    def test_a_second_record_of_one_key_is_a_conflict_and_rolls_back(self, key_store: KeyStore) -> None:
        with key_store.transaction():
            key_store.add_idempotency_record(_record("1", body="first"))

        def add_a_second_record() -> None:
            with key_store.transaction():
                key_store.add_idempotency_record(_record("2"))
                key_store.add_idempotency_record(_record("1", body="second"))

        with pytest.raises(IdempotencyConflict):
            add_a_second_record()
        with key_store.transaction():
            stored = key_store.find_idempotency_record(_record("1").key_digest)
            assert key_store.find_idempotency_record(_record("2").key_digest) is None
        assert stored is not None
        assert stored.answer.body == "first"

    @pytest.mark.parametrize("exception", [RolledBack, KeyboardInterrupt])
    def test_a_transaction_that_raises_leaves_nothing(
        self, key_store: KeyStore, exception: type[BaseException]
    ) -> None:
        def fail_at_the_end() -> None:
            with key_store.transaction():
                key_store.add_idempotency_record(_record("1"))
                raise exception

        with pytest.raises(exception):
            fail_at_the_end()
        with key_store.transaction():
            assert key_store.find_idempotency_record(_record("1").key_digest) is None

    def test_of_records_that_threads_add_at_once_one_is_stored(
        self, key_store: KeyStore, in_threads: Callable[..., list[Any]]
    ) -> None:
        def add_own(number: int) -> str | None:
            body = f"of thread {number}"
            return body if _add_record_with_retries(key_store, _record("1", body=body)) else None

        stored_bodies = [body for body in in_threads(add_own) if body]
        with key_store.transaction():
            found = key_store.find_idempotency_record(_record("1").key_digest)
        assert found is not None
        assert stored_bodies == [found.answer.body]

    def test_older_records_are_deleted_and_counted(self, key_store: Any) -> None:
        with key_store.transaction():
            for digit, created_at in {"a": NOW - 2 * DAY, "b": NOW - DAY, "c": NOW}.items():
                answer = SignedAnswer("{}", 200)
                key_store.add_idempotency_record(IdempotencyRecord(digit * 64, "p" * 64, answer, created_at))
        with key_store.transaction():
            assert key_store.delete_idempotency_records(NOW) == 2
        with key_store.transaction():
            found = [digit for digit in "abc" if key_store.find_idempotency_record(digit * 64)]
            assert key_store.delete_idempotency_records(NOW) == 0
        assert found == ["c"]


def _record(digit: str, body: str = "{}", signing_key_id: str | None = None) -> IdempotencyRecord:
    return IdempotencyRecord(digit * 64, "f" * 64, SignedAnswer(body, 200, signing_key_id), NOW)


def _add_record_with_retries(key_store: KeyStore, record: IdempotencyRecord) -> bool:
    def add() -> bool:
        with suppress(IdempotencyConflict), key_store.transaction():
            key_store.add_idempotency_record(record)
            return True
        return False

    return with_retries(add)


def with_retries(transaction: Callable[[], Result]) -> Result:
    """Run a transaction until the database does not end it for another; return its result."""
    for _ in range(50):
        try:
            return transaction()
        except TransactionConflict:
            continue
    raise AssertionError("every attempt ended in a conflict")
