"""Stock: what a key store does so that any of its available license keys can be assigned, and the same in memory."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Protocol

from flask_licensing.license_keys.store import LicenseKeyStatus, MemoryLicenseKeys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_licensing.license_keys.store import LicenseKey


class StockStore(Protocol):
    """What a key store also does whose available license keys are assigned without being named."""

    def lock_available_license_keys(self, product_id: int, quantity: int) -> Sequence[LicenseKey]:
        """Return ``quantity`` available license keys of a product, locked; fewer only where there are no more.

        From here to the end of the transaction no other transaction gets them from a method that locks. What others
        have locked is passed over, and waited for only where there are not enough without it: where fewer are
        returned, that is the number of available license keys.
        """
        ...

    def assign_license_keys(self, license_keys: Sequence[LicenseKey]) -> None:
        """Store of locked license keys their status, owner, ``assigned_at`` and ``updated_at``, the same of all.

        There is at least one; it should be one statement for any number.
        """
        ...


class MemoryStock(MemoryLicenseKeys):
    """Stock in memory."""

    def lock_available_license_keys(self, product_id: int, quantity: int) -> Sequence[LicenseKey]:
        """Return the first available license keys: one transaction runs at a time."""
        available = (
            key
            for key in self._license_keys.values()
            if key.terms.product_id == product_id and key.terms.status is LicenseKeyStatus.AVAILABLE
        )
        return list(islice(available, quantity))

    def assign_license_keys(self, license_keys: Sequence[LicenseKey]) -> None:
        """Store that license keys are assigned."""
        self._license_keys.update({key.license_key: key for key in license_keys})
