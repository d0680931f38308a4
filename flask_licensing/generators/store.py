"""Generators of license keys: what a key store does with them, as a Protocol, and in memory."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from flask_licensing.license_keys.store import MemoryLicenseKeys
from flask_licensing.products.store import MemoryProducts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from flask_licensing.license_keys.store import LicenseKey


class GeneratorMethod(StrEnum):
    """How a generator makes license keys; the last one is this project's own."""

    UUID = "uuid"
    CHUNK_SYSTEM = "chunk-system"
    CUSTOM = "custom"
    READABLE = "readable"


@dataclass(frozen=True, slots=True)
class Generator:
    """How license keys of a product are made, and the terms that they get.

    Each method has the prefix and the suffix. Chunks and charset are those of ``chunk-system``; ``readable`` has a
    charset of its own, and ``function_name`` is that of ``custom``. Times are naive UTC.
    """

    id: int
    product_id: int
    method: GeneratorMethod
    prefix: str
    suffix: str
    function_name: str
    number_of_chunks: int
    chunk_length: int
    charset: str
    activation_limit: int
    validity: int
    active: bool
    created_at: datetime
    updated_at: datetime


LicenseKeyFunction: TypeAlias = "Callable[[Generator, int], Sequence[str]]"
"""Makes so many license keys for a generator, without its prefix and suffix, each another one."""


class GeneratorStore(Protocol):
    """A key store that keeps generators of license keys."""

    def add_generator(self, generator: Generator) -> Generator:
        """Store a new generator, whose id does not count, and return it with its id."""
        ...

    def update_generator(self, generator: Generator) -> None:
        """Store everything of a generator, found by its id."""
        ...

    def find_generator(self, generator_id: int) -> Generator | None:
        """Return the generator, or ``None``; its product can't be deleted before the transaction ends."""
        ...

    def find_active_generator(self, product_id: int) -> Generator | None:
        """As :meth:`find_generator`, the one with the greatest id of those of the product that are active."""
        ...

    def list_generators(self) -> Sequence[Generator]:
        """Return all generators, by id."""
        ...

    def count_all_license_keys(self) -> int:
        """Return how many license keys there are, of all products; asked only for generators of small spaces."""
        ...

    def find_license_keys_of(self, texts: Sequence[str]) -> Sequence[LicenseKey]:
        """Return the stored license keys that are exactly one of up to some thousand texts, in any order."""
        ...


class MemoryGenerators(MemoryLicenseKeys, MemoryProducts):
    """Generators in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._generators: dict[int, Generator] = {}

    def add_generator(self, generator: Generator) -> Generator:
        """Store a new generator and return it with its id."""
        added = dataclasses.replace(generator, id=max(self._generators, default=0) + 1)
        self._generators[added.id] = added
        return added

    def update_generator(self, generator: Generator) -> None:
        """Store everything of a generator."""
        self._generators[generator.id] = generator

    def find_generator(self, generator_id: int) -> Generator | None:
        """Return the generator, or ``None``."""
        return self._generators.get(generator_id)

    def find_active_generator(self, product_id: int) -> Generator | None:
        """Return the newest active generator of a product, or ``None``."""
        mine = [generator for generator in self._generators.values() if generator.product_id == product_id]
        return max((generator for generator in mine if generator.active), key=lambda one: one.id, default=None)

    def list_generators(self) -> Sequence[Generator]:
        """Return all generators, by id."""
        return list(self._generators.values())

    def count_all_license_keys(self) -> int:
        """Return how many license keys there are."""
        return len(self._license_keys)

    def find_license_keys_of(self, texts: Sequence[str]) -> Sequence[LicenseKey]:
        """Return the stored license keys among these."""
        return [self._license_keys[text] for text in texts if text in self._license_keys]

    def delete_product(self, product_id: int) -> bool:
        """Delete a product with its generators, unless something else refers to it."""
        deleted = super().delete_product(product_id)
        if deleted:
            left = {number: one for number, one in self._generators.items() if one.product_id != product_id}
            self._generators = left
        return deleted
