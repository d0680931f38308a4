"""License keys: what a key store does with them, as Protocols, and in memory."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from flask_licensing.core.store import TransactionStore
from flask_licensing.products.store import MemoryProducts

if TYPE_CHECKING:
    from collections.abc import Sequence


class LicenseKeyStatus(StrEnum):
    """What state a license key is in (contract section 4)."""

    AVAILABLE = "available"
    ASSIGNED = "assigned"
    RESERVED = "reserved"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class LicenseKeyTerms:
    """What all license keys of one request have in common.

    ``validity`` is in days, 0 meaning that the key does not expire; ``activation_limit`` 0 means unlimited;
    ``assigned_at`` is naive UTC without microseconds.
    """

    product_id: int
    activation_limit: int
    validity: int
    status: LicenseKeyStatus
    owner_name: str | None = None
    owner_email: str | None = None
    assigned_at: datetime | None = None

    @property
    def have_an_expiry_date(self) -> bool:
        """Whether assignment plus validity is before the year 10000."""
        return self.assigned_at is None or timedelta(days=self.validity) <= datetime.max - self.assigned_at

    def to_values(self) -> dict[str, Any]:
        """Return the terms by name, as rows of tables and files have them: the status is its text."""
        return {name: getattr(self, name) for name in TERMS} | {"status": self.status.value}


class GivenTerms(TypedDict, total=False):
    """Terms as host code gives them, to be checked: what is not given, or ``None``, is absent."""

    product_id: int | None
    activation_limit: int | None
    validity: int | None
    status: str | None
    owner_name: str | None
    owner_email: str | None
    assigned_at: datetime | str | None


TERMS = tuple(term.name for term in fields(LicenseKeyTerms))
"""The names of the terms, and of the columns that hold them in tables and files, in this order."""


@dataclass(frozen=True, slots=True)
class LicenseKey:
    """One stored license key with its terms."""

    id: int
    license_key: str
    terms: LicenseKeyTerms
    created_at: datetime
    updated_at: datetime

    @property
    def expires_at(self) -> datetime | None:
        """When the key expires (naive UTC): assignment plus validity; ``None`` is never, or after the year 9999."""
        if self.terms.assigned_at is None or self.terms.validity == 0 or not self.terms.have_an_expiry_date:
            return None
        return self.terms.assigned_at + timedelta(days=self.terms.validity)

    def is_expired_at(self, moment: datetime) -> bool:
        """Whether the key has expired at ``moment`` (naive UTC): from its expiry date on."""
        return self.expires_at is not None and self.expires_at <= moment


@dataclass(frozen=True, slots=True)
class LicenseKeyFilter:
    """Which license keys are meant: those that have all of these, compared exactly; ``None`` is any."""

    product_id: int | None = None
    status: LicenseKeyStatus | None = None
    owner_name: str | None = None
    owner_email: str | None = None
    license_key: str | None = None

    def wanted(self) -> dict[str, Any]:
        """Return what has to be equal, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class LicenseKeyBatch:
    """A checked request to create license keys: ``license_keys`` as sent, repetitions included."""

    license_keys: tuple[str, ...]
    terms: LicenseKeyTerms


@dataclass(frozen=True, slots=True)
class CreationResult:
    """How many license keys of a batch were created and how many were there already."""

    created: int
    duplicate: int


class LicenseKeyStore(Protocol):
    """A key store that holds license keys."""

    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        """Store those of ``license_keys`` that are missing, and return how many were stored.

        The keys are distinct, 1 to 255 characters long and sorted by code point. They compare exactly: case, accents
        and composition count. A license key that is stored already, for any product, stays as it is. The return
        value is exact, also when another request stores the same license keys at the same time.
        """
        ...


class LicenseKeyRowStore(Protocol):
    """A key store that stores license keys with different terms at once, which makes imports fast."""

    def add_license_key_rows(self, rows: Sequence[tuple[str, LicenseKeyTerms]], created_at: datetime) -> int:
        """As :meth:`LicenseKeyStore.add_license_keys`, with terms of its own for each license key."""
        ...


class LicenseKeyPageStore(TransactionStore, Protocol):
    """A key store whose license keys can be exported."""

    def list_license_keys(
        self, after_id: int, limit: int, *, product_id: int | None, status: LicenseKeyStatus | None
    ) -> Sequence[LicenseKey]:
        """Return up to ``limit`` license keys with ids greater than ``after_id``, by id; ``None`` is any."""
        ...


class LicenseKeySearchStore(Protocol):
    """What a key store also does whose license keys are searched and counted through the API."""

    def find_license_keys(
        self, wanted: LicenseKeyFilter, *, after_id: int, offset: int, limit: int
    ) -> Sequence[LicenseKey]:
        """Return up to ``limit`` license keys with greater ids than ``after_id``, by id, after the first ``offset``."""
        ...

    def count_license_keys(self, product_id: int, status: LicenseKeyStatus) -> int:
        """Return how many license keys of a product have a status."""
        ...


class LicenseKeyChangeStore(Protocol):
    """What a key store also does whose license keys can be changed and deleted."""

    def lock_license_key(self, license_key: str) -> LicenseKey | None:
        """Return the license key that is exactly ``license_key`` as it is at this moment, locked, or ``None``.

        From here to the end of the transaction no other transaction gets it from a method that locks.
        """
        ...

    def update_license_key(self, license_key: LicenseKey) -> None:
        """Store everything of a locked license key, found by its id; its text may be a new one."""
        ...

    def delete_license_key(self, license_key_id: int) -> None:
        """Delete a locked license key with everything of this package that refers to it.

        Raises:
            LicenseKeyInUse: something of the site's own refers to it.

        """
        ...

    def end_activations(self, license_key_id: int) -> None:
        """Make every activation of a locked license key inactive; nothing where the store keeps no activations."""
        ...


class MemoryLicenseKeys(MemoryProducts):
    """License keys in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._license_keys: dict[str, LicenseKey] = {}
        self._last_id = 0

    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        """Store the license keys that are not there yet; return how many."""
        with self._lock:
            stored = self._license_keys
            new = [license_key for license_key in license_keys if license_key not in stored]
            for license_key in new:
                self._last_id += 1
                stored[license_key] = LicenseKey(self._last_id, license_key, terms, created_at, created_at)
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

    def find_license_keys(
        self, wanted: LicenseKeyFilter, *, after_id: int, offset: int, limit: int
    ) -> Sequence[LicenseKey]:
        """Return a page of license keys, by id."""
        by_id = sorted(self._license_keys.values(), key=lambda key: key.id)
        matching = (key for key in by_id if key.id > after_id and _is_meant(key, wanted))
        return list(islice(matching, offset, offset + limit))

    def count_license_keys(self, product_id: int, status: LicenseKeyStatus) -> int:
        """Return how many license keys of a product have a status."""
        wanted = LicenseKeyFilter(product_id=product_id, status=status)
        return sum(_is_meant(key, wanted) for key in self._license_keys.values())

    def lock_license_key(self, license_key: str) -> LicenseKey | None:
        """Return the license key, or ``None``: one transaction runs at a time."""
        return self._license_keys.get(license_key)

    def update_license_key(self, license_key: LicenseKey) -> None:
        """Store everything of a license key."""
        self._forget(license_key.id)
        self._license_keys[license_key.license_key] = license_key

    def delete_license_key(self, license_key_id: int) -> None:
        """Delete a license key; what refers to it is never found again, as ids are not used twice."""
        self._forget(license_key_id)

    def _forget(self, license_key_id: int) -> None:
        del self._license_keys[next(text for text, key in self._license_keys.items() if key.id == license_key_id)]

    def delete_product(self, product_id: int) -> bool:
        """Delete a product that has no license keys."""
        has_license_keys = any(key.terms.product_id == product_id for key in self._license_keys.values())
        return not has_license_keys and super().delete_product(product_id)


def _is_meant(key: LicenseKey, wanted: LicenseKeyFilter) -> bool:
    found = {"license_key": key.license_key, **asdict(key.terms)}
    return all(found[name] == value for name, value in wanted.wanted().items())
