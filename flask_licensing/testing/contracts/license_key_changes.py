"""What a key store has to do whose license keys can be listed, changed and deleted, as classes of tests."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.license_keys.store import LicenseKeyFilter, LicenseKeyStatus, LicenseKeyTerms
from flask_licensing.testing.contracts.key_store import DAY, NOW, StoreContract

if TYPE_CHECKING:
    from collections.abc import Callable

LATER = NOW + DAY
ANY = LicenseKeyFilter()


class _LicenseKeys(StoreContract):
    @pytest.fixture
    def add(self, key_store: Any, product_id: int) -> Callable[..., None]:
        """Store license keys with some terms, in a transaction of their own."""

        def add(*license_keys: str, **terms: Any) -> None:
            given: dict[str, Any] = {"activation_limit": 0, "validity": 0, "status": LicenseKeyStatus.AVAILABLE} | terms
            with key_store.transaction():
                key_store.add_license_keys(sorted(license_keys), LicenseKeyTerms(product_id, **given), NOW)

        return add


class LicenseKeySearchStoreContract(_LicenseKeys):
    """Tests of :class:`~flask_licensing.hooks.LicenseKeySearchStore`; subclass it and supply both fixtures."""

    @pytest.fixture
    def listed(self, key_store: Any) -> Callable[..., list[str]]:
        """Return the texts of a page of license keys."""

        def listed(
            wanted: LicenseKeyFilter = ANY, *, after_id: int = 0, offset: int = 0, limit: int = 100
        ) -> list[str]:
            with key_store.transaction():
                page = key_store.find_license_keys(wanted, after_id=after_id, offset=offset, limit=limit)
            return [key.license_key for key in page]

        return listed

    def test_license_keys_are_listed_by_id_in_pages(
        self, key_store: Any, add: Callable[..., None], listed: Callable[..., list[str]]
    ) -> None:
        for name in ("C", "A", "B", "D"):
            add(name)
        assert listed() == ["C", "A", "B", "D"]
        assert listed(limit=2) == ["C", "A"]
        assert listed(limit=2, offset=2) == ["B", "D"]
        assert listed(limit=2, offset=3) == ["D"]
        with key_store.transaction():
            second = key_store.find_license_keys(ANY, after_id=0, offset=0, limit=2)[1].id
        assert listed(after_id=second) == ["B", "D"]

    def test_a_listed_license_key_has_everything_that_is_stored_of_it(
        self, key_store: Any, product_id: int, add: Callable[..., None]
    ) -> None:
        add("A", activation_limit=3, validity=30, status=LicenseKeyStatus.ASSIGNED, owner_name="Zoë", assigned_at=NOW)
        with key_store.transaction():
            (key,) = key_store.find_license_keys(ANY, after_id=0, offset=0, limit=10)
        assert key.license_key == "A"
        assert key.terms == LicenseKeyTerms(product_id, 3, 30, LicenseKeyStatus.ASSIGNED, "Zoë", None, NOW)
        assert key.created_at == key.updated_at == NOW

    def test_only_what_has_everything_that_was_asked_for_is_listed(
        self, add: Callable[..., None], product_id: int, listed: Callable[..., list[str]]
    ) -> None:
        add("A", owner_name="Zoë", owner_email="zoe@example.org")
        add("B", owner_name="Zoë", status=LicenseKeyStatus.BLOCKED)
        add("C", owner_name="zoë")
        assert listed(LicenseKeyFilter(owner_name="Zoë")) == ["A", "B"]
        assert listed(LicenseKeyFilter(owner_name="Zoë", status=LicenseKeyStatus.BLOCKED)) == ["B"]
        assert listed(LicenseKeyFilter(owner_email="zoe@example.org")) == ["A"]
        assert listed(LicenseKeyFilter(license_key="C")) == ["C"]
        assert listed(LicenseKeyFilter(license_key="c")) == []
        assert listed(LicenseKeyFilter(product_id=product_id)) == ["A", "B", "C"]
        assert listed(LicenseKeyFilter(product_id=product_id + 1)) == []

    def test_license_keys_of_one_product_and_status_are_counted(
        self, key_store: Any, product_id: int, add: Callable[..., None]
    ) -> None:
        add("A", "B")
        add("C", status=LicenseKeyStatus.RESERVED)
        with key_store.transaction():
            assert key_store.count_license_keys(product_id, LicenseKeyStatus.AVAILABLE) == 2
            assert key_store.count_license_keys(product_id, LicenseKeyStatus.BLOCKED) == 0
            assert key_store.count_license_keys(product_id + 1, LicenseKeyStatus.AVAILABLE) == 0


class LicenseKeyChangeStoreContract(_LicenseKeys):
    """Tests of :class:`~flask_licensing.hooks.LicenseKeyChangeStore`; subclass it and supply both fixtures."""

    def test_a_license_key_is_found_exactly(self, key_store: Any, add: Callable[..., None]) -> None:
        add("abc")
        with key_store.transaction():
            assert key_store.lock_license_key("abc").license_key == "abc"
            assert key_store.lock_license_key("ABC") is None

    def test_everything_of_a_license_key_can_be_changed(
        self, key_store: Any, product_id: int, add: Callable[..., None]
    ) -> None:
        add("A", "B")
        terms = LicenseKeyTerms(product_id, 5, 60, LicenseKeyStatus.ASSIGNED, "Zoë", "zoe@example.org", NOW)
        with key_store.transaction():
            key = key_store.lock_license_key("A")
            changed = dataclasses.replace(key, license_key="A-2", terms=terms, updated_at=LATER)
            key_store.update_license_key(changed)
        with key_store.transaction():
            assert key_store.lock_license_key("A") is None
            assert key_store.lock_license_key("A-2") == changed
            assert key_store.lock_license_key("B").terms.owner_name is None

    def test_a_deleted_license_key_is_gone_and_its_text_is_free(self, key_store: Any, add: Callable[..., None]) -> None:
        add("A", "B")
        with key_store.transaction():
            key_store.delete_license_key(key_store.lock_license_key("A").id)
        with key_store.transaction():
            assert key_store.lock_license_key("A") is None
            assert key_store.lock_license_key("B") is not None
        add("A")
        with key_store.transaction():
            assert key_store.lock_license_key("A") is not None

    def test_a_change_is_gone_with_its_transaction(self, key_store: Any, add: Callable[..., None]) -> None:
        add("A")
        with pytest.raises(ZeroDivisionError):
            self._delete_and_raise(key_store, "A")
        with key_store.transaction():
            assert key_store.lock_license_key("A") is not None

    def _delete_and_raise(self, key_store: Any, license_key: str) -> None:
        with key_store.transaction():
            key_store.delete_license_key(key_store.lock_license_key(license_key).id)
            raise ZeroDivisionError
