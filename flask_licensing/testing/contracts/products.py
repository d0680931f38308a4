"""What a key store has to do that knows products, or manages them, as classes of tests."""

from __future__ import annotations

from typing import Any

import pytest

from flask_licensing.license_keys.store import LicenseKeyStatus, LicenseKeyTerms
from flask_licensing.testing.contracts.key_store import NOW, StoreContract
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
