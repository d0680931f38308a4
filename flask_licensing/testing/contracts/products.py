"""What a key store has to do that knows products, or manages them, as classes of tests."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from flask_licensing.license_keys.store import LicenseKeyStatus, LicenseKeyTerms
from flask_licensing.testing.contracts.key_store import DAY, NOW, StoreContract
from flask_licensing.testing.stored import find_license_key


class ProductStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.ProductStore`; subclass it and supply both fixtures."""

    def test_a_product_is_found_by_its_id(self, key_store: Any, product_id: int) -> None:
        with key_store.transaction():
            product = key_store.find_product(product_id)
        assert product is not None
        assert product.id == product_id
        assert product.name

    @pytest.mark.parametrize("distance", [1, 2**31 - 1])
    def test_an_unknown_product_is_not_found(self, key_store: Any, product_id: int, distance: int) -> None:
        with key_store.transaction():
            assert key_store.find_product(min(product_id + distance, 2**31 - 1)) is None


class ProductManagementStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.ProductManagementStore`; subclass it and supply ``key_store``."""

    def test_a_product_is_found_and_listed_after_it_was_added(self, key_store: Any) -> None:
        with key_store.transaction():
            first = key_store.add_product("Zoë's Editor 😀", NOW)
            second = key_store.add_product("Another", NOW)
        with key_store.transaction():
            assert key_store.find_product(first.id) == first
            assert [product for product in key_store.list_products() if product in (first, second)] == [first, second]
        assert first.name == "Zoë's Editor 😀"
        assert first.id < second.id

    def test_two_products_may_have_one_name(self, key_store: Any) -> None:
        with key_store.transaction():
            first, second = (key_store.add_product("Photo Editor", NOW) for _ in range(2))
        assert first.id != second.id

    def test_a_key_of_one_product_is_a_duplicate_for_another(self, key_store: Any) -> None:
        with key_store.transaction():
            products = [key_store.add_product(name, NOW) for name in ("Photo Editor", "Video Editor")]
            terms = [LicenseKeyTerms(product.id, 0, 0, LicenseKeyStatus.AVAILABLE) for product in products]
            counts = [key_store.add_license_keys(["A"], of_product, NOW) for of_product in terms]
        with key_store.transaction():
            stored = find_license_key(key_store, "A")
        assert stored is not None
        assert stored.terms == terms[0]
        assert counts == [1, 0]


class ProductChangeStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.ProductChangeStore`; subclass it and supply both fixtures."""

    def test_everything_of_a_product_can_be_changed(self, key_store: Any, product_id: int) -> None:
        details = {"name": "Zoë's 😀", "description": "Two\nlines", "source": "envato", "status": "inactive"}
        with key_store.transaction():
            other = key_store.lock_product(product_id)
            added = key_store.add_product("Video Editor", NOW)
            changed = dataclasses.replace(
                added,
                require_non_expired=True,
                external_reference="42",
                **details,
                updated_at=NOW + DAY,
            )
            key_store.update_product(changed)
        with key_store.transaction():
            assert key_store.lock_product(changed.id) == key_store.find_product(changed.id) == changed
            assert key_store.find_product(product_id) == other

    def test_what_is_said_of_a_product_at_first_is_kept(self, key_store: Any) -> None:
        with key_store.transaction():
            added = key_store.add_product("Video Editor", NOW, status="inactive", require_non_expired=True)
        assert (added.status, added.require_non_expired, added.source) == ("inactive", True, "internal")
        assert added.created_at == added.updated_at == NOW
        with key_store.transaction():
            assert key_store.find_product(added.id) == added

    def test_a_deleted_product_is_gone_and_its_id_is_not_given_again(self, key_store: Any, product_id: int) -> None:
        with key_store.transaction():
            first = key_store.add_product("Video Editor", NOW).id
        with key_store.transaction():
            assert key_store.lock_product(first) is not None
            assert key_store.delete_product(first)
        with key_store.transaction():
            assert key_store.lock_product(first) is None
            assert key_store.find_product(first) is None
            second = key_store.add_product("Video Editor", NOW).id
        assert second not in {first, product_id}

    def test_a_product_with_license_keys_is_not_deleted(self, key_store: Any, product_id: int) -> None:
        with key_store.transaction():
            terms = LicenseKeyTerms(product_id, 0, 0, LicenseKeyStatus.AVAILABLE)
            key_store.add_license_keys(["A"], terms, NOW)
        with key_store.transaction():
            assert key_store.lock_product(product_id) is not None
            assert not key_store.delete_product(product_id)
        with key_store.transaction():
            assert key_store.find_product(product_id) is not None
