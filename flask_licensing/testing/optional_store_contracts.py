"""What a key store has to do that also manages products, or API keys, as classes of tests."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.domain import LicenseKeyStatus, LicenseKeyTerms

if TYPE_CHECKING:
    from flask_licensing.domain import ApiKey

NOW = datetime(2026, 1, 2, 3, 4, 5)


class ProductStoreContract:
    """Tests of :class:`~flask_licensing.hooks.ProductStore`; subclass it and supply ``key_store``."""

    @pytest.fixture
    def key_store(self) -> Any:
        """Return the store under test."""
        raise NotImplementedError("override the fixture key_store")

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
            assert key_store.find_license_key("A").terms == terms[0]
        assert counts == [1, 0]


class ApiKeyStoreContract:
    """Tests of :class:`~flask_licensing.hooks.ApiKeyStore`; subclass it and supply ``key_store``, without API keys."""

    @pytest.fixture
    def key_store(self) -> Any:
        """Return the store under test."""
        raise NotImplementedError("override the fixture key_store")

    def test_an_api_key_is_found_by_its_hash_and_active(self, key_store: Any) -> None:
        added = _add(key_store, "a")
        with key_store.transaction():
            assert key_store.find_api_key("a" * 64) == added
            assert key_store.find_api_key("b" * 64) is None
        assert added.active
        assert added.last_used_at is None

    def test_everything_about_an_api_key_is_kept(self, key_store: Any) -> None:
        limits: dict[str, Any] = {
            "capabilities": frozenset({"create-license-keys", "verify"}),
            "allowed_networks": (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")),
            "expires_at": datetime(2030, 1, 1),
        }
        _add(key_store, "a", name="Zoë 😀", **limits)
        with key_store.transaction():
            found = key_store.find_api_key("a" * 64)
        assert found is not None
        assert (found.name, found.created_at) == ("Zoë 😀", NOW)
        assert {name: getattr(found, name) for name in limits} == limits

    def test_no_capabilities_and_no_networks_differ_from_no_limit(self, key_store: Any) -> None:
        _add(key_store, "a", capabilities=frozenset(), allowed_networks=())
        _add(key_store, "b")
        with key_store.transaction():
            limited, unlimited = key_store.list_api_keys()
        assert (limited.capabilities, limited.allowed_networks) == (frozenset(), ())
        assert (unlimited.capabilities, unlimited.allowed_networks) == (None, None)

    def test_api_keys_are_listed_by_id(self, key_store: Any) -> None:
        added = [_add(key_store, digit) for digit in "cab"]
        with key_store.transaction():
            assert list(key_store.list_api_keys()) == added

    def test_a_revoked_api_key_is_inactive_and_an_unknown_one_is_told(self, key_store: Any) -> None:
        added = _add(key_store, "a")
        with key_store.transaction():
            assert key_store.revoke_api_key(added.id)
            assert not key_store.revoke_api_key(added.id + 1)
        with key_store.transaction():
            assert key_store.revoke_api_key(added.id)
            found = key_store.find_api_key("a" * 64)
        assert found is not None
        assert not found.active

    def test_the_time_of_use_is_kept(self, key_store: Any) -> None:
        added = _add(key_store, "a")
        with key_store.transaction():
            key_store.record_api_key_use(added.id, datetime(2026, 5, 6, 7, 8, 9))
        with key_store.transaction():
            found = key_store.find_api_key("a" * 64)
        assert found is not None
        assert found.last_used_at == datetime(2026, 5, 6, 7, 8, 9)


def _add(key_store: Any, digit: str, name: str = "tests", **limits: Any) -> ApiKey:
    unlimited = {"capabilities": None, "allowed_networks": None, "expires_at": None}
    with key_store.transaction():
        added: ApiKey = key_store.add_api_key(
            name=name, secret_hash=digit * 64, created_at=NOW, **{**unlimited, **limits}
        )
    return added
