"""What a key store has to do that keeps metadata, as a class of tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.core.metadata import Metadata, MetadataOwner
from flask_licensing.license_keys.store import LicenseKeyStatus, LicenseKeyTerms
from flask_licensing.testing.contracts.key_store import NOW, StoreContract

if TYPE_CHECKING:
    from collections.abc import Sequence

VALUES = [
    *("text", "", " two\nlines\t", "Zoë 😀 \\ / \" '", "null"),
    *(0, -1, 2**63 - 1, 0.1, True, False, [], {}),
    [[1, "a", None], {"z": {"b": None, "a": [0.5]}, "é": ""}],
]
KEYS = ["abc", "ABC", "äbc", "a\u0308bc", "😀" * 255, "😀" * 254 + "😁"]


class MetadataStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.MetadataStore` and :class:`~flask_licensing.hooks.MetadataChangeStore`.

    Subclass it and supply both fixtures.
    """

    @pytest.fixture(params=MetadataOwner)
    def owner(self, request: pytest.FixtureRequest) -> MetadataOwner:
        """Return what metadata is kept with."""
        owner: MetadataOwner = request.param
        return owner

    @pytest.fixture
    def owner_ids(self, owner: MetadataOwner, key_store: Any, product_id: int) -> list[int]:
        """Return the ids of a license key, or a product, and of another one."""
        with key_store.transaction():
            if owner is MetadataOwner.PRODUCT:
                return [product_id, key_store.add_product("Video Editor", NOW).id]
            key_store.add_license_keys(["A", "B"], LicenseKeyTerms(product_id, 0, 0, LicenseKeyStatus.AVAILABLE), NOW)
            return [key_store.lock_license_key(license_key).id for license_key in "AB"]

    def test_values_are_given_back_as_they_were_kept(
        self, key_store: Any, owner: MetadataOwner, owner_ids: list[int]
    ) -> None:
        with key_store.transaction():
            ids = [
                key_store.add_metadata(owner, owner_ids[0], f"key-{position}", value)
                for position, value in enumerate(VALUES)
            ]
        listed = _listed(key_store, owner, owner_ids[0])
        assert listed == [
            Metadata(meta_id, f"key-{position}", value)
            for position, (meta_id, value) in enumerate(zip(ids, VALUES, strict=True))
        ]
        assert [repr(one.value) for one in listed] == list(map(repr, VALUES))
        assert _listed(key_store, owner, owner_ids[1]) == []

    def test_keys_compare_exactly_and_each_owner_has_its_own(
        self, key_store: Any, owner: MetadataOwner, owner_ids: list[int]
    ) -> None:
        with key_store.transaction():
            for key in KEYS:
                assert key_store.add_metadata(owner, owner_ids[0], key, key) is not None
            assert key_store.add_metadata(owner, owner_ids[0], "abc", "another") is None
            assert key_store.add_metadata(owner, owner_ids[1], "abc", "of the other") is not None
        assert [(one.key, one.value) for one in _listed(key_store, owner, owner_ids[0])] == [(key, key) for key in KEYS]
        with key_store.transaction():
            found = key_store.list_metadata(owner, owner_ids)
        assert [one.value for one in found[owner_ids[1]]] == ["of the other"]

    def test_license_keys_and_products_of_one_id_are_not_mixed_up(self, key_store: Any, product_id: int) -> None:
        with key_store.transaction():
            key_store.add_metadata(MetadataOwner.PRODUCT, product_id, "a", "of the product")
            found = key_store.list_metadata(MetadataOwner.LICENSE_KEY, [product_id])
        assert found.get(product_id, []) == []

    def test_a_value_is_changed_and_deleted_by_its_key(
        self, key_store: Any, owner: MetadataOwner, owner_ids: list[int]
    ) -> None:
        with key_store.transaction():
            first, second = (key_store.add_metadata(owner, owner_ids[0], key, key) for key in "ab")
            key_store.add_metadata(owner, owner_ids[1], "a", "stays")
        with key_store.transaction():
            assert key_store.update_metadata(owner, owner_ids[0], "a", [1]) == first
            assert key_store.update_metadata(owner, owner_ids[0], "a", [1]) == first
            assert key_store.update_metadata(owner, owner_ids[0], "A", [2]) is None
            assert key_store.delete_metadata(owner, owner_ids[0], "b") == second
            assert key_store.delete_metadata(owner, owner_ids[0], "b") is None
        assert _listed(key_store, owner, owner_ids[0]) == [Metadata(first, "a", [1])]
        assert [one.value for one in _listed(key_store, owner, owner_ids[1])] == ["stays"]

    def test_metadata_is_gone_with_a_transaction_that_raises(
        self, key_store: Any, owner: MetadataOwner, owner_ids: list[int], product_id: int
    ) -> None:
        with pytest.raises(ZeroDivisionError):
            self._add_and_raise(key_store, owner, owner_ids[0], product_id)
        assert _listed(key_store, owner, owner_ids[0]) == []

    def _add_and_raise(self, key_store: Any, owner: MetadataOwner, owner_id: int, product_id: int) -> None:
        with key_store.transaction():
            if owner is MetadataOwner.PRODUCT:
                key_store.lock_product(product_id)
            else:
                key_store.lock_license_key("A")
            key_store.add_metadata(owner, owner_id, "a", 1)
            raise ZeroDivisionError

    def test_what_is_deleted_takes_its_metadata_along(
        self, key_store: Any, owner: MetadataOwner, owner_ids: list[int]
    ) -> None:
        with key_store.transaction():
            for owner_id in owner_ids:
                key_store.add_metadata(owner, owner_id, "a", 1)
        with key_store.transaction():
            if owner is MetadataOwner.PRODUCT:
                key_store.lock_product(owner_ids[1])
                assert key_store.delete_product(owner_ids[1])
            else:
                key_store.lock_license_key("B")
                key_store.delete_license_key(owner_ids[1])
        assert len(_listed(key_store, owner, owner_ids[0])) == 1
        assert _listed(key_store, owner, owner_ids[1]) == []


class MetadataImportStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.MetadataImportStore`; subclass it and supply both fixtures."""

    def test_thousands_of_license_keys_get_their_metadata_at_once(self, key_store: Any, product_id: int) -> None:
        keys = [f"KEY-{number:04}" for number in range(2500)]
        with key_store.transaction():
            key_store.add_license_keys(keys, LicenseKeyTerms(product_id, 0, 0, LicenseKeyStatus.AVAILABLE), NOW)
            found = key_store.find_license_key_ids([*keys, "key-0000", "unknown"])
            assert found.keys() == set(keys)
            rows = [(found[key], name, [key]) for key in keys[::2] for name in "ab"]
            key_store.add_license_key_metadata(rows)
        with key_store.transaction():
            kept = key_store.list_metadata(MetadataOwner.LICENSE_KEY, [found[key] for key in keys[:4]])
            assert key_store.lock_license_key(keys[7]).id == found[keys[7]]
        assert {owner: [(one.key, one.value) for one in of_owner] for owner, of_owner in kept.items()} == {
            found[key]: [("a", [key]), ("b", [key])] for key in (keys[0], keys[2])
        }


def _listed(key_store: Any, owner: MetadataOwner, owner_id: int) -> Sequence[Metadata]:
    with key_store.transaction():
        return list(key_store.list_metadata(owner, [owner_id]).get(owner_id, []))
