"""What every key store has to do, as a class of tests.

.. code-block:: python

    class TestOurKeyStore(KeyStoreContract):
        @pytest.fixture
        def key_store(self):
            return OurKeyStore(...)

        @pytest.fixture
        def product_id(self, key_store):
            return ...  # the id of a product that is in the store
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.domain import IdempotencyRecord, LicenseKeyStatus, LicenseKeyTerms, SignedAnswer
from flask_licensing.errors import IdempotencyConflict, TransactionConflict

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_licensing.hooks import KeyStore

NOW = datetime(2026, 1, 2, 3, 4, 5)
THREADS = 4

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
        keys = ["x" * 255, "😀" * 255, "\"quotes'", "back\\slash", "{[,]}", "100%", "a_b", "$1 :x ?", "\ufeff"]
        assert add(*keys) == len(keys)
        with key_store.transaction():
            found = [key_store.find_license_key(license_key) for license_key in keys]
        assert [key.license_key for key in found if key] == keys

    def test_ten_thousand_keys_at_once(self, add: Callable[..., int]) -> None:
        keys = [f"KEY-{number:05}" for number in range(10_000)]
        assert add(*keys[::2]) == 5_000
        assert add(*keys) == 5_000

    def test_a_transaction_that_raises_leaves_nothing(self, key_store: KeyStore, product_id: int) -> None:
        def fail_at_the_end() -> None:
            with key_store.transaction():
                key_store.add_license_keys(["A"], _terms(product_id), NOW)
                key_store.add_idempotency_record(_record("1"))
                raise RolledBack

        with pytest.raises(RolledBack):
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

    def test_an_idempotency_record_is_found_as_it_was_added(self, key_store: KeyStore) -> None:
        record = _record("1", body='{"é": "日本 😀"}' + " " * 10_000)
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
        self, key_store: KeyStore, product_id: int
    ) -> None:
        keys = [f"KEY-{number:04}" for number in range(1_000)]
        start = threading.Barrier(THREADS)
        counts: list[int] = []

        def add_overlapping(number: int) -> None:
            start.wait()
            for batch in range(5):
                first = number * 100 + batch * 50
                counts.append(_add_with_retries(key_store, keys[first : first + 400], _terms(product_id)))

        threads = [threading.Thread(target=add_overlapping, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(counts) == THREADS * 5
        assert sum(counts) == 3 * 100 + 4 * 50 + 400


def _terms(product_id: int, **changes: Any) -> LicenseKeyTerms:
    given: dict[str, Any] = {"activation_limit": 0, "validity": 0, "status": LicenseKeyStatus.AVAILABLE, **changes}
    return LicenseKeyTerms(product_id=product_id, **given)


def _record(digit: str, body: str = "{}") -> IdempotencyRecord:
    return IdempotencyRecord(digit * 64, "f" * 64, SignedAnswer(body, 200), NOW)


def _add_with_retries(key_store: KeyStore, license_keys: list[str], terms: LicenseKeyTerms) -> int:
    for _ in range(50):
        try:
            with key_store.transaction():
                return key_store.add_license_keys(license_keys, terms, NOW)
        except TransactionConflict:
            continue
    raise AssertionError("every attempt ended in a conflict")
