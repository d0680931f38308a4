"""What every key store has to do, as a class of tests.

.. code-block:: python

    class TestOurKeyStore(KeyStoreContract):
        @pytest.fixture
        def key_store(self):
            return OurKeyStore(...)

        @pytest.fixture
        def product_id(self, key_store):
            return ...  # the id of a product that is in the store

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

from flask_licensing.domain import EARLIEST_DATE, IdempotencyRecord, LicenseKeyStatus, LicenseKeyTerms, SignedAnswer
from flask_licensing.errors import IdempotencyConflict, TransactionConflict

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from flask_licensing.hooks import KeyStore

Result = TypeVar("Result")

NOW = datetime(2026, 1, 2, 3, 4, 5)
THREADS = 4
SIGNING_KEY_ID = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

DIFFERENT_KEYS = sorted(
    [
        "abc",
        "ABC",
        "Abc",
        "ábc",
        "a\u0301bc",
        "abc\u0301",
        "àbc",
        "abc-",
        "abc\u200b",
        "ab c",
        "日本",
        "日木",
        "😀",
        "😁",
        "ß",
        "ss",
        "ﬁ",
        "fi",
    ]
)
"""License keys that are alike to a careless comparison."""


class RolledBack(Exception):
    """Raised by tests to leave a transaction."""


class KeyStoreContract:
    """Tests of :class:`~flask_licensing.hooks.KeyStore`; subclass it and supply ``key_store`` and ``product_id``."""

    @pytest.fixture
    def key_store(self) -> KeyStore:
        """Return the store under test, empty but for one product."""
        raise NotImplementedError("override the fixture key_store")

    @pytest.fixture
    def product_id(self, key_store: KeyStore) -> int:
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

    @pytest.fixture
    def add(self, key_store: KeyStore, product_id: int) -> Callable[..., int]:
        """Add license keys in a transaction of their own."""

        def add(*license_keys: str, **terms: Any) -> int:
            with key_store.transaction():
                return key_store.add_license_keys(sorted(license_keys), _terms(product_id, **terms), NOW)

        return add

    def test_a_product_is_found_by_its_id(self, key_store: KeyStore, product_id: int) -> None:
        with key_store.transaction():
            product = key_store.find_product(product_id)
        assert product is not None
        assert product.id == product_id
        assert product.name

    @pytest.mark.parametrize("distance", [1, 2**31 - 1])
    def test_an_unknown_product_is_not_found(self, key_store: KeyStore, product_id: int, distance: int) -> None:
        with key_store.transaction():
            assert key_store.find_product(min(product_id + distance, 2**31 - 1)) is None

    def test_new_keys_are_counted_and_known_ones_are_not(self, add: Callable[..., int]) -> None:
        assert add("A", "B") == 2
        assert add("A", "B", "C") == 1
        assert add("A", "B", "C") == 0

    def test_all_terms_are_stored_as_given(self, key_store: KeyStore, product_id: int, add: Callable[..., int]) -> None:
        given: dict[str, Any] = {
            "activation_limit": 2**31 - 1,
            "validity": 365,
            "status": LicenseKeyStatus.ASSIGNED,
            "owner_name": "Zoë 😀",
            "owner_email": "zoe@example.com",
            "assigned_at": datetime(2024, 2, 29, 23, 59, 59),
        }
        add("A", **given)
        with key_store.transaction():
            stored = key_store.find_license_key("A")
        assert stored is not None
        assert (stored.license_key, stored.terms) == ("A", _terms(product_id, **given))
        assert stored.expires_at == given["assigned_at"] + timedelta(days=365)

    def test_terms_that_are_not_given_are_none(
        self, key_store: KeyStore, product_id: int, add: Callable[..., int]
    ) -> None:
        add("A")
        with key_store.transaction():
            stored = key_store.find_license_key("A")
        assert stored is not None
        assert stored.terms == _terms(product_id)
        assert stored.created_at.replace(microsecond=0) == NOW

    @pytest.mark.parametrize("date", [EARLIEST_DATE, datetime(9999, 12, 31, 23, 59, 59)], ids=["earliest", "latest"])
    def test_the_earliest_and_the_latest_date_are_stored(
        self, key_store: KeyStore, add: Callable[..., int], date: datetime
    ) -> None:
        add("A", assigned_at=date)
        with key_store.transaction():
            stored = key_store.find_license_key("A")
        assert stored is not None
        assert stored.terms.assigned_at == date

    def test_every_key_has_an_id_of_its_own(self, key_store: KeyStore, add: Callable[..., int]) -> None:
        add("A", "B")
        add("C")
        with key_store.transaction():
            stored = [key_store.find_license_key(license_key) for license_key in "ABC"]
        assert len({key.id for key in stored if key}) == 3

    @pytest.mark.parametrize("status", LicenseKeyStatus)
    def test_every_status_is_stored(
        self, key_store: KeyStore, add: Callable[..., int], status: LicenseKeyStatus
    ) -> None:
        add("A", status=status)
        with key_store.transaction():
            stored = key_store.find_license_key("A")
        assert stored is not None
        assert stored.terms.status is status

    def test_a_key_that_is_there_stays_as_it_is(self, key_store: KeyStore, add: Callable[..., int]) -> None:
        add("A", owner_name="first", validity=1)
        assert add("A", "B", owner_name="second", validity=2) == 1
        with key_store.transaction():
            stored = key_store.find_license_key("A")
        assert stored is not None
        assert (stored.terms.owner_name, stored.terms.validity) == ("first", 1)

    def test_keys_compare_exactly(self, key_store: KeyStore, add: Callable[..., int]) -> None:
        assert add(*DIFFERENT_KEYS) == len(DIFFERENT_KEYS)
        assert add(*DIFFERENT_KEYS) == 0
        with key_store.transaction():
            found = [key_store.find_license_key(license_key) for license_key in DIFFERENT_KEYS]
            assert key_store.find_license_key("aBC") is None
        assert [key.license_key for key in found if key] == DIFFERENT_KEYS

    def test_the_longest_keys_and_awkward_characters_are_kept(
        self, key_store: KeyStore, add: Callable[..., int]
    ) -> None:
        longest = ["x" * 255, "x" * 254 + "y", "😀" * 255, "😀" * 254 + "😁"]
        keys = [*longest, "\"quotes'", "back\\slash", "{[,]}", "100%", "a_b", "$1 :x ?", "\ufeff"]
        assert add(*keys) == len(keys)
        with key_store.transaction():
            found = [key_store.find_license_key(license_key) for license_key in keys]
        assert [key.license_key for key in found if key] == keys

    def test_ten_thousand_keys_at_once(self, add: Callable[..., int]) -> None:
        keys = [f"KEY-{number:05}" for number in range(10_000)]
        assert add(*keys[::2]) == 5_000
        assert add(*keys) == 5_000

    @pytest.mark.parametrize("exception", [RolledBack, KeyboardInterrupt])
    def test_a_transaction_that_raises_leaves_nothing(
        self, key_store: KeyStore, product_id: int, exception: type[BaseException]
    ) -> None:
        def fail_at_the_end() -> None:
            with key_store.transaction():
                key_store.add_license_keys(["A"], _terms(product_id), NOW)
                key_store.add_idempotency_record(_record("1"))
                raise exception

        with pytest.raises(exception):
            fail_at_the_end()
        with key_store.transaction():
            assert key_store.find_license_key("A") is None
            assert key_store.find_idempotency_record(_record("1").key_digest) is None

    def test_what_a_transaction_did_is_seen_inside_it_and_after_it(self, key_store: KeyStore, product_id: int) -> None:
        with key_store.transaction():
            assert key_store.add_license_keys(["A"], _terms(product_id), NOW) == 1
            assert key_store.add_license_keys(["A", "B"], _terms(product_id), NOW) == 1
            assert key_store.find_license_key("A") is not None
        with key_store.transaction():
            assert key_store.find_license_key("B") is not None

    def test_what_a_transaction_did_is_seen_by_other_threads_after_it(
        self, key_store: KeyStore, add: Callable[..., int], in_threads: Callable[..., list[Any]]
    ) -> None:
        add("A")

        def find(_: int) -> bool:
            with key_store.transaction():
                return key_store.find_license_key("A") is not None

        assert in_threads(find, threads=1) == [True]

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

    def test_a_second_record_of_one_key_is_a_conflict_and_rolls_back(
        self, key_store: KeyStore, product_id: int
    ) -> None:
        with key_store.transaction():
            key_store.add_idempotency_record(_record("1", body="first"))

        def add_a_second_record() -> None:
            with key_store.transaction():
                key_store.add_license_keys(["A"], _terms(product_id), NOW)
                key_store.add_idempotency_record(_record("1", body="second"))

        with pytest.raises(IdempotencyConflict):
            add_a_second_record()
        with key_store.transaction():
            stored = key_store.find_idempotency_record(_record("1").key_digest)
            assert key_store.find_license_key("A") is None
        assert stored is not None
        assert stored.answer.body == "first"

    def test_threads_that_add_the_same_keys_at_once_count_each_key_once(
        self, key_store: KeyStore, product_id: int, in_threads: Callable[..., list[Any]]
    ) -> None:
        keys = [f"KEY-{number:04}" for number in range(1_000)]

        def add_overlapping(number: int) -> int:
            starts = [number * 100 + batch * 50 for batch in range(5)]
            batches = [keys[start : start + 400] for start in starts]
            return sum(_add_with_retries(key_store, batch, _terms(product_id)) for batch in batches)

        last_start = (THREADS - 1) * 100 + 4 * 50
        assert sum(in_threads(add_overlapping)) == last_start + 400

    def test_a_key_that_another_thread_rolls_back_is_stored(
        self, key_store: KeyStore, product_id: int, in_threads: Callable[..., list[Any]]
    ) -> None:
        keys = [f"KEY-{number:04}" for number in range(20)]

        def roll_back(license_key: str) -> int:
            with suppress(RolledBack, TransactionConflict), key_store.transaction():
                key_store.add_license_keys([license_key], _terms(product_id), NOW)
                raise RolledBack
            return 0

        def add_or_roll_back(number: int) -> int:
            if number:
                return sum(_add_with_retries(key_store, [key], _terms(product_id)) for key in keys)
            return sum(roll_back(key) for key in keys)

        assert in_threads(add_or_roll_back, threads=2) == [0, len(keys)]

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


def _terms(product_id: int, **changes: Any) -> LicenseKeyTerms:
    given: dict[str, Any] = {"activation_limit": 0, "validity": 0, "status": LicenseKeyStatus.AVAILABLE, **changes}
    return LicenseKeyTerms(product_id=product_id, **given)


def _record(digit: str, body: str = "{}", signing_key_id: str | None = None) -> IdempotencyRecord:
    return IdempotencyRecord(digit * 64, "f" * 64, SignedAnswer(body, 200, signing_key_id), NOW)


def _add_with_retries(key_store: KeyStore, license_keys: list[str], terms: LicenseKeyTerms) -> int:
    def add() -> int:
        with key_store.transaction():
            return key_store.add_license_keys(license_keys, terms, NOW)

    return _with_retries(add)


def _add_record_with_retries(key_store: KeyStore, record: IdempotencyRecord) -> bool:
    def add() -> bool:
        with suppress(IdempotencyConflict), key_store.transaction():
            key_store.add_idempotency_record(record)
            return True
        return False

    return _with_retries(add)


def _with_retries(transaction: Callable[[], Result]) -> Result:
    for _ in range(50):
        try:
            return transaction()
        except TransactionConflict:
            continue
    raise AssertionError("every attempt ended in a conflict")
