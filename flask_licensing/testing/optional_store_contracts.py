"""What a key store has to do that also manages products or API keys, imports or exports, as classes of tests."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.domain import MAX_INTEGER, LicenseKeyStatus, LicenseKeyTerms

if TYPE_CHECKING:
    from flask_licensing.domain import ApiKey, LicenseKey

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


class LicenseKeyRowStoreContract:
    """Tests of :class:`~flask_licensing.hooks.LicenseKeyRowStore`; subclass it and supply both fixtures."""

    @pytest.fixture
    def key_store(self) -> Any:
        """Return the store under test."""
        raise NotImplementedError("override the fixture key_store")

    @pytest.fixture
    def product_id(self) -> int:
        """Return the id of a product in the store."""
        raise NotImplementedError("override the fixture product_id")

    def test_each_row_keeps_its_own_terms(self, key_store: Any, product_id: int) -> None:
        rows = _rows_of_different_terms(product_id)
        with key_store.transaction():
            assert key_store.add_license_key_rows(rows, NOW) == len(rows)
        with key_store.transaction():
            stored = [key_store.find_license_key(license_key) for license_key, _ in rows]
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
            assert key_store.find_license_key(first).terms == first_terms

    def test_rows_are_stored_in_thousands(self, key_store: Any, product_id: int) -> None:
        terms = [LicenseKeyTerms(product_id, limit, 0, LicenseKeyStatus.AVAILABLE) for limit in range(2)]
        rows = [(f"KEY-{number:04}", terms[number % 2]) for number in range(3000)]
        with key_store.transaction():
            assert key_store.add_license_key_rows(rows, NOW) == 3000
        with key_store.transaction():
            assert key_store.find_license_key("KEY-2999").terms == terms[1]


class LicenseKeyPageStoreContract:
    """Tests of :class:`~flask_licensing.hooks.LicenseKeyPageStore`; subclass it and supply both fixtures."""

    @pytest.fixture
    def key_store(self) -> Any:
        """Return the store under test, without license keys."""
        raise NotImplementedError("override the fixture key_store")

    @pytest.fixture
    def product_id(self) -> int:
        """Return the id of a product in the store."""
        raise NotImplementedError("override the fixture product_id")

    def test_pages_hold_all_license_keys_once_by_id(self, key_store: Any, product_id: int) -> None:
        rows = _rows_of_different_terms(product_id)
        with key_store.transaction():
            for license_key, terms in rows:
                key_store.add_license_keys([license_key], terms, NOW)
        listed = _all_pages(key_store, limit=2)
        assert [(key.license_key, key.terms) for key in listed] == rows
        assert [key.id for key in listed] == sorted({key.id for key in listed})

    def test_pages_are_of_one_product_and_one_status_where_asked(self, key_store: Any, product_id: int) -> None:
        rows = _rows_of_different_terms(product_id)
        with key_store.transaction():
            for license_key, terms in rows:
                key_store.add_license_keys([license_key], terms, NOW)
        reserved = [license_key for license_key, terms in rows if terms.status is LicenseKeyStatus.RESERVED]
        listed = _all_pages(key_store, product_id=product_id, status=LicenseKeyStatus.RESERVED)
        assert [key.license_key for key in listed] == reserved
        assert _all_pages(key_store, product_id=product_id + 1) == []


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


def _all_pages(
    key_store: Any, *, limit: int = 100, product_id: int | None = None, status: LicenseKeyStatus | None = None
) -> list[LicenseKey]:
    listed: list[LicenseKey] = []
    while True:
        after_id = listed[-1].id if listed else 0
        with key_store.transaction():
            page = key_store.list_license_keys(after_id, limit, product_id=product_id, status=status)
        listed += page
        if not page:
            return listed


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

    def test_a_revoked_api_key_is_there_and_inactive_and_an_unknown_one_is_reported(self, key_store: Any) -> None:
        added = _add(key_store, "a")
        with key_store.transaction():
            assert key_store.revoke_api_key(added.id)
            assert not key_store.revoke_api_key(added.id + 1)
        with key_store.transaction():
            assert key_store.revoke_api_key(added.id)
            found = key_store.find_api_key("a" * 64)
            assert key_store.list_api_keys() == [found]
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
