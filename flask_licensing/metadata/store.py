"""Changing metadata: what a key store does for it, as a Protocol, and metadata in memory."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Protocol

from flask_licensing.core.metadata import Metadata, MetadataOwner
from flask_licensing.license_keys.store import MemoryLicenseKeys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class MetadataChangeStore(Protocol):
    """What a key store also does whose metadata can be changed. The license key or product is locked.

    A license key or product has a key once; keys compare exactly. What is deleted takes its metadata along.
    """

    def add_metadata(self, owner: MetadataOwner, owner_id: int, key: str, value: Any) -> int | None:
        """Store a value and return the id of the metadata; ``None``, and store nothing, where the key is there."""
        ...

    def update_metadata(self, owner: MetadataOwner, owner_id: int, key: str, value: Any) -> int | None:
        """Store another value and return the id of the metadata; ``None`` where the key is not there."""
        ...

    def delete_metadata(self, owner: MetadataOwner, owner_id: int, key: str) -> int | None:
        """Delete a key with its value and return the id of the metadata; ``None`` where the key is not there."""
        ...


class MetadataImportStore(Protocol):
    """A key store that takes the metadata of many license keys at once, as imports do."""

    def find_license_key_ids(self, license_keys: Sequence[str]) -> Mapping[str, int]:
        """Return the ids of those of these license keys that are there, by their text."""
        ...

    def add_license_key_metadata(self, rows: Sequence[tuple[int, str, Any]]) -> None:
        """Store the values of rows of license key id, key and value; the license keys are new in this transaction."""
        ...


class MemoryMetadata(MemoryLicenseKeys):
    """Metadata in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._metadata: dict[tuple[MetadataOwner, int, str], Metadata] = {}
        self._last_metadata_id = 0

    def list_metadata(self, owner: MetadataOwner, owner_ids: Sequence[int]) -> Mapping[int, Sequence[Metadata]]:
        """Return the metadata of license keys or products, by their id."""
        found: dict[int, list[Metadata]] = defaultdict(list)
        for (kind, owner_id, _), metadata in self._metadata.items():
            if kind is owner and owner_id in owner_ids:
                found[owner_id].append(metadata)
        return found

    def add_metadata(self, owner: MetadataOwner, owner_id: int, key: str, value: Any) -> int | None:
        """Store a value under a key that is not there."""
        if (owner, owner_id, key) in self._metadata:
            return None
        self._last_metadata_id += 1
        self._metadata[owner, owner_id, key] = Metadata(self._last_metadata_id, key, value)
        return self._last_metadata_id

    def update_metadata(self, owner: MetadataOwner, owner_id: int, key: str, value: Any) -> int | None:
        """Store another value under a key that is there."""
        if (there := self._metadata.get((owner, owner_id, key))) is None:
            return None
        self._metadata[owner, owner_id, key] = dataclasses.replace(there, value=value)
        return there.id

    def delete_metadata(self, owner: MetadataOwner, owner_id: int, key: str) -> int | None:
        """Delete a key with its value."""
        deleted = self._metadata.pop((owner, owner_id, key), None)
        return None if deleted is None else deleted.id

    def find_license_key_ids(self, license_keys: Sequence[str]) -> Mapping[str, int]:
        """Return the ids of those license keys that are there."""
        return {text: self._license_keys[text].id for text in license_keys if text in self._license_keys}

    def add_license_key_metadata(self, rows: Sequence[tuple[int, str, Any]]) -> None:
        """Store the values of new license keys."""
        for license_key_id, key, value in rows:
            self.add_metadata(MetadataOwner.LICENSE_KEY, license_key_id, key, value)

    def delete_license_key(self, license_key_id: int) -> None:
        """Delete a license key with its metadata."""
        super().delete_license_key(license_key_id)
        self._delete_all(MetadataOwner.LICENSE_KEY, license_key_id)

    def delete_product(self, product_id: int) -> bool:
        """Delete a product that has no license keys with its metadata."""
        deleted = super().delete_product(product_id)
        if deleted:
            self._delete_all(MetadataOwner.PRODUCT, product_id)
        return deleted

    def _delete_all(self, owner: MetadataOwner, owner_id: int) -> None:
        for name in [name for name in self._metadata if name[:2] == (owner, owner_id)]:
            del self._metadata[name]
