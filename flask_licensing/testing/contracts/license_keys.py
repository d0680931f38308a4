"""What a key store has to do that holds license keys, as classes of tests."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from flask_licensing.core.domain import EARLIEST_DATE, MAX_INTEGER
from flask_licensing.errors import TransactionConflict
from flask_licensing.license_keys.store import LicenseKeyStatus, LicenseKeyTerms
from flask_licensing.testing.contracts.key_store import NOW, THREADS, RolledBack, StoreContract, with_retries
from flask_licensing.testing.stored import find_license_key, list_license_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_licensing.license_keys.store import LicenseKey

Find: TypeAlias = "Callable[[str], LicenseKey | None]"

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


class LicenseKeyStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.LicenseKeyStore`; subclass it and supply both fixtures.

    Supply ``find_license_key`` too where the store is no :class:`~flask_licensing.hooks.LicenseKeyPageStore`.
    """

    @pytest.fixture
    def find_license_key(self, key_store: Any) -> Find:
        """What reads a stored license key, in a transaction of its own; by default from the store's pages."""

        def find(license_key: str) -> LicenseKey | None:
            with key_store.transaction():
                return find_license_key(key_store, license_key)

        return find

    @pytest.fixture
    def add(self, key_store: Any, product_id: int) -> Callable[..., int]:
        """Add license keys in a transaction of their own."""

        def add(*license_keys: str, **terms: Any) -> int:
            with key_store.transaction():
                added: int = key_store.add_license_keys(sorted(license_keys), _terms(product_id, **terms), NOW)
            return added

        return add

    def test_new_keys_are_counted_and_known_ones_are_not(self, add: Callable[..., int]) -> None:
        assert add("A", "B") == 2
        assert add("A", "B", "C") == 1
        assert add("A", "B", "C") == 0

    def test_all_terms_are_stored_as_given(
        self, find_license_key: Find, product_id: int, add: Callable[..., int]
    ) -> None:
        given: dict[str, Any] = {
            "activation_limit": 2**31 - 1,
            "validity": 365,
            "status": LicenseKeyStatus.ASSIGNED,
            "owner_name": "Zoë 😀",
            "owner_email": "zoe@example.com",
            "assigned_at": datetime(2024, 2, 29, 23, 59, 59),
        }
        add("A", **given)
        stored = find_license_key("A")
        assert stored is not None
        assert (stored.license_key, stored.terms) == ("A", _terms(product_id, **given))
        assert stored.expires_at == given["assigned_at"] + timedelta(days=365)

    def test_terms_that_are_not_given_are_none(
        self, find_license_key: Find, product_id: int, add: Callable[..., int]
    ) -> None:
        add("A")
        stored = find_license_key("A")
        assert stored is not None
        assert stored.terms == _terms(product_id)
        assert stored.created_at.replace(microsecond=0) == NOW

    @pytest.mark.parametrize("date", [EARLIEST_DATE, datetime(9999, 12, 31, 23, 59, 59)], ids=["earliest", "latest"])
    def test_the_earliest_and_the_latest_date_are_stored(
        self, find_license_key: Find, add: Callable[..., int], date: datetime
    ) -> None:
        add("A", assigned_at=date)
        stored = find_license_key("A")
        assert stored is not None
        assert stored.terms.assigned_at == date

    def test_every_key_has_an_id_of_its_own(self, find_license_key: Find, add: Callable[..., int]) -> None:
        add("A", "B")
        add("C")
        stored = [find_license_key(license_key) for license_key in "ABC"]
        assert len({key.id for key in stored if key}) == 3

    @pytest.mark.parametrize("status", LicenseKeyStatus)
    def test_every_status_is_stored(
        self, find_license_key: Find, add: Callable[..., int], status: LicenseKeyStatus
    ) -> None:
        add("A", status=status)
        stored = find_license_key("A")
        assert stored is not None
        assert stored.terms.status is status

    def test_a_key_that_is_there_stays_as_it_is(self, find_license_key: Find, add: Callable[..., int]) -> None:
        add("A", owner_name="first", validity=1)
        assert add("A", "B", owner_name="second", validity=2) == 1
        stored = find_license_key("A")
        assert stored is not None
        assert (stored.terms.owner_name, stored.terms.validity) == ("first", 1)

    def test_keys_compare_exactly(self, find_license_key: Find, add: Callable[..., int]) -> None:
        assert add(*DIFFERENT_KEYS) == len(DIFFERENT_KEYS)
        assert add(*DIFFERENT_KEYS) == 0
        found = [find_license_key(license_key) for license_key in DIFFERENT_KEYS]
        assert find_license_key("aBC") is None
        assert [key.license_key for key in found if key] == DIFFERENT_KEYS

    def test_the_longest_keys_and_awkward_characters_are_kept(
        self, find_license_key: Find, add: Callable[..., int]
    ) -> None:
        longest = ["x" * 255, "x" * 254 + "y", "😀" * 255, "😀" * 254 + "😁"]
        keys = [*longest, "\"quotes'", "back\\slash", "{[,]}", "100%", "a_b", "$1 :x ?", "\ufeff"]
        assert add(*keys) == len(keys)
        found = [find_license_key(license_key) for license_key in keys]
        assert [key.license_key for key in found if key] == keys

    def test_ten_thousand_keys_at_once(self, add: Callable[..., int]) -> None:
        keys = [f"KEY-{number:05}" for number in range(10_000)]
        assert add(*keys[::2]) == 5_000
        assert add(*keys) == 5_000

    def test_license_keys_are_gone_with_a_transaction_that_raises(
        self, find_license_key: Find, key_store: Any, product_id: int
    ) -> None:
        with suppress(RolledBack), key_store.transaction():
            key_store.add_license_keys(["A"], _terms(product_id), NOW)
            raise RolledBack
        assert find_license_key("A") is None

    def test_what_a_transaction_did_is_seen_inside_it_and_after_it(
        self, find_license_key: Find, key_store: Any, product_id: int
    ) -> None:
        with key_store.transaction():
            assert key_store.add_license_keys(["A"], _terms(product_id), NOW) == 1
            assert key_store.add_license_keys(["A", "B"], _terms(product_id), NOW) == 1
        assert find_license_key("B") is not None

    def test_what_a_transaction_did_is_seen_by_other_threads_after_it(
        self, find_license_key: Find, add: Callable[..., int], in_threads: Callable[..., list[Any]]
    ) -> None:
        add("A")

        assert in_threads(lambda _: find_license_key("A") is not None, threads=1) == [True]

    def test_threads_that_add_the_same_keys_at_once_count_each_key_once(
        self, key_store: Any, product_id: int, in_threads: Callable[..., list[Any]]
    ) -> None:
        keys = [f"KEY-{number:04}" for number in range(1_000)]

        def add_overlapping(number: int) -> int:
            starts = [number * 100 + batch * 50 for batch in range(5)]
            batches = [keys[start : start + 400] for start in starts]
            return sum(_add_with_retries(key_store, batch, _terms(product_id)) for batch in batches)

        last_start = (THREADS - 1) * 100 + 4 * 50
        assert sum(in_threads(add_overlapping)) == last_start + 400

    def test_a_key_that_another_thread_rolls_back_is_stored(
        self, key_store: Any, product_id: int, in_threads: Callable[..., list[Any]]
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


def _terms(product_id: int, **changes: Any) -> LicenseKeyTerms:
    given: dict[str, Any] = {"activation_limit": 0, "validity": 0, "status": LicenseKeyStatus.AVAILABLE, **changes}
    return LicenseKeyTerms(product_id=product_id, **given)


def _add_with_retries(key_store: Any, license_keys: list[str], terms: LicenseKeyTerms) -> int:
    def add() -> int:
        with key_store.transaction():
            added: int = key_store.add_license_keys(license_keys, terms, NOW)
        return added

    return with_retries(add)


class LicenseKeyRowStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.LicenseKeyRowStore`; subclass it and supply both fixtures."""

    def test_each_row_keeps_its_own_terms(self, key_store: Any, product_id: int) -> None:
        rows = _rows_of_different_terms(product_id)
        with key_store.transaction():
            assert key_store.add_license_key_rows(rows, NOW) == len(rows)
        with key_store.transaction():
            stored = [_found(key_store, license_key) for license_key, _ in rows]
        assert [(key.license_key, key.terms) for key in stored] == rows
        assert {key.created_at for key in stored} == {NOW}

    def test_rows_whose_keys_are_there_stay_as_they_are_and_are_not_counted(
        self, key_store: Any, product_id: int
    ) -> None:
        (first, first_terms), (second, second_terms), *_ = _rows_of_different_terms(product_id)
        with key_store.transaction():
            key_store.add_license_keys([first], first_terms, NOW)
        with key_store.transaction():
            assert key_store.add_license_key_rows([(first, second_terms), (second, second_terms)], NOW) == 1
        with key_store.transaction():
            assert _found(key_store, first).terms == first_terms

    def test_rows_are_stored_in_thousands(self, key_store: Any, product_id: int) -> None:
        terms = [LicenseKeyTerms(product_id, limit, 0, LicenseKeyStatus.AVAILABLE) for limit in range(2)]
        rows = [(f"KEY-{number:04}", terms[number % 2]) for number in range(3000)]
        with key_store.transaction():
            assert key_store.add_license_key_rows(rows, NOW) == 3000
        with key_store.transaction():
            assert _found(key_store, "KEY-2999").terms == terms[1]


class LicenseKeyPageStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.LicenseKeyPageStore`; subclass it and supply both fixtures."""

    def test_pages_hold_all_license_keys_once_by_id(self, key_store: Any, product_id: int) -> None:
        rows = _rows_of_different_terms(product_id)
        with key_store.transaction():
            for license_key, terms in rows:
                key_store.add_license_keys([license_key], terms, NOW)
        listed = list_license_keys(key_store, limit=2)
        assert [(key.license_key, key.terms) for key in listed] == rows
        assert [key.id for key in listed] == sorted({key.id for key in listed})

    def test_pages_are_of_one_product_and_one_status_where_asked(self, key_store: Any, product_id: int) -> None:
        rows = _rows_of_different_terms(product_id)
        with key_store.transaction():
            for license_key, terms in rows:
                key_store.add_license_keys([license_key], terms, NOW)
        reserved = [license_key for license_key, terms in rows if terms.status is LicenseKeyStatus.RESERVED]
        listed = list_license_keys(key_store, product_id=product_id, status=LicenseKeyStatus.RESERVED)
        assert [key.license_key for key in listed] == reserved
        assert list_license_keys(key_store, product_id=product_id + 1) == []


def _rows_of_different_terms(product_id: int) -> list[tuple[str, LicenseKeyTerms]]:
    assigned: dict[str, Any] = {
        "owner_name": "Zoë 😀",
        "owner_email": "zoe@example.com",
        "assigned_at": datetime(1999, 12, 31, 23, 59),
    }
    return [
        ("A", LicenseKeyTerms(product_id, 0, 0, LicenseKeyStatus.AVAILABLE)),
        ("B\\\"'[é]😀", LicenseKeyTerms(product_id, 3, 365, LicenseKeyStatus.ASSIGNED, **assigned)),
        ("a", LicenseKeyTerms(product_id, MAX_INTEGER, 1, LicenseKeyStatus.RESERVED)),
        ("null", LicenseKeyTerms(product_id, 1, 0, LicenseKeyStatus.RESERVED, owner_name="null")),
        ("é", LicenseKeyTerms(product_id, 0, 0, LicenseKeyStatus.BLOCKED, owner_email="a@example.com")),
    ]


def _found(key_store: Any, license_key: str) -> LicenseKey:
    found = find_license_key(key_store, license_key)
    assert found is not None
    return found
