"""License keys: what a key store does with them, as Protocols, and in memory."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Protocol

from flask_licensing.domain import LicenseKey
from flask_licensing.store import MemoryTables, TransactionStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flask_licensing.domain import LicenseKeyStatus, LicenseKeyTerms


class LicenseKeyStore(Protocol):
    """What a key store does that holds license keys."""

    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        """Store those of ``license_keys`` that are not there yet and return how many were stored.

        The keys are distinct, 1 to 255 characters long and sorted by code point. They compare exactly: case, accents
        and composition count. A key that is there already, with whatever product, stays as it is. What the return
        value counts is what was stored, also when another request stores the same keys at the same time.
        """
        ...


class LicenseKeyRowStore(Protocol):
    """What a key store also does that imports license keys of different terms fast."""

    def add_license_key_rows(self, rows: Sequence[tuple[str, LicenseKeyTerms]], created_at: datetime) -> int:
        """As :meth:`LicenseKeyStore.add_license_keys`, with terms of its own for each license key."""
        ...


class LicenseKeyPageStore(TransactionStore, Protocol):
    """What a key store also does whose license keys can be exported."""

    def list_license_keys(
        self, after_id: int, limit: int, *, product_id: int | None, status: LicenseKeyStatus | None
    ) -> Sequence[LicenseKey]:
        """Return up to ``limit`` license keys with ids greater than ``after_id``, by id; ``None`` is any."""
        ...


class MemoryLicenseKeys(MemoryTables):
    """License keys in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._license_keys: dict[str, LicenseKey] = {}

    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        """Store the license keys that are not there yet; return how many."""
        with self._lock:
            stored = self._license_keys
            new = [license_key for license_key in license_keys if license_key not in stored]
            for row_id, license_key in enumerate(new, start=len(stored) + 1):
                stored[license_key] = LicenseKey(row_id, license_key, terms, created_at)
            return len(new)

    def add_license_key_rows(self, rows: Sequence[tuple[str, LicenseKeyTerms]], created_at: datetime) -> int:
        """Store the license keys that are not there yet, each with its terms; return how many."""
        return sum(self.add_license_keys([license_key], terms, created_at) for license_key, terms in rows)

    def list_license_keys(
        self, after_id: int, limit: int, *, product_id: int | None, status: LicenseKeyStatus | None
    ) -> Sequence[LicenseKey]:
        """Return a page of license keys, by id."""
        matching = (
            key
            for key in self._license_keys.values()
            if key.id > after_id and product_id in {None, key.terms.product_id} and status in {None, key.terms.status}
        )
        return list(islice(matching, limit))
