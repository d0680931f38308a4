"""Metadata: values that a site keeps with its license keys and products, as records of several features show them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from flask_licensing.core.store import has_group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class MetadataOwner(StrEnum):
    """What metadata can be kept with."""

    LICENSE_KEY = "license-key"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True)
class Metadata:
    """One value that is kept with a license key or a product: text, or any JSON value but null."""

    id: int
    key: str
    value: Any


class MetadataStore(Protocol):
    """A key store whose license keys and products may have metadata."""

    def list_metadata(self, owner: MetadataOwner, owner_ids: Sequence[int]) -> Mapping[int, Sequence[Metadata]]:
        """Return the metadata of those of these license keys or products that have any, by their id, oldest first."""
        ...


def metadata_of(store: object, owner: MetadataOwner, owner_ids: Sequence[int]) -> Mapping[int, Sequence[Metadata]]:
    """Return the metadata of license keys or products by their id; none of a store that keeps none."""
    return store.list_metadata(owner, owner_ids) if owner_ids and has_group(store, MetadataStore) else {}
