"""What a key store has to do that keeps API keys, as a class of tests."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from flask_licensing.testing.contracts.key_store import NOW, StoreContract

if TYPE_CHECKING:
    from flask_licensing.api_keys.store import ApiKey


class ApiKeyStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.ApiKeyStore`; subclass it and supply ``key_store``, without API keys."""

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
