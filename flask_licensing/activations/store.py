"""Where activations live: what a key store does so that its license keys can be activated, and the same in memory."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from flask_licensing.license_keys.store import MemoryLicenseKeys

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flask_licensing.license_keys.store import LicenseKey
    from flask_licensing.products.store import Product


@dataclass(frozen=True, slots=True)
class Activation:
    """The use of a license key by one identifier, such as a machine or a domain. Times are naive UTC.

    ``first_seen_at`` is when it was first activated, ``last_seen_at`` about when it was last activated or verified:
    see :data:`flask_licensing.activations.service.SEEN_INTERVAL`. ``remote_address`` and ``user_agent`` are those of
    the latest activation. An activation that was ended stays, not ``active``.
    """

    identifier: str
    first_seen_at: datetime
    last_seen_at: datetime
    remote_address: str | None
    user_agent: str | None
    active: bool


@dataclass(frozen=True, slots=True)
class LicenseKeyState:
    """A license key, its product, ``None`` where that is gone, and its activation by one identifier, read at once."""

    license_key: LicenseKey
    product: Product | None
    activation: Activation | None


class ActivationStore(Protocol):
    """What a key store also does whose license keys can be activated and verified."""

    def find_license_key_state(self, license_key: str, identifier: str) -> LicenseKeyState | None:
        """Return the license key that is exactly ``license_key``, with the activation by ``identifier``, or ``None``.

        ``verify`` calls this and nothing else of the group, so it should be one query.
        """
        ...

    def lock_license_key_state(self, license_key: str, identifier: str) -> LicenseKeyState | None:
        """As :meth:`find_license_key_state`, as it is at this moment, and locked.

        From here to the end of the transaction no other transaction gets the same license key from this method.
        """
        ...

    def count_active(self, license_key_id: int) -> int:
        """Return how many activations are active; called for a locked license key."""
        ...

    def put_activation(self, license_key_id: int, activation: Activation) -> None:
        """Store an activation, in place of the one by the same identifier; called for a locked license key."""
        ...

    def record_seen(self, license_key_id: int, identifier: str, seen_at: datetime) -> None:
        """Store when an activation was last seen, and change nothing else; called without a lock."""
        ...

    def list_activations(self, license_key_id: int) -> Sequence[Activation]:
        """Return the activations of a license key, active or not, by identifier."""
        ...


class MemoryActivations(MemoryLicenseKeys):
    """Activations in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._activations: dict[tuple[int, str], Activation] = {}

    def find_license_key_state(self, license_key: str, identifier: str) -> LicenseKeyState | None:
        """Return the license key with the activation by the identifier, or ``None``."""
        key = self.lock_license_key(license_key)
        if key is None:
            return None
        activation = self._activations.get((key.id, identifier))
        return LicenseKeyState(key, self.find_product(key.terms.product_id), activation)

    def lock_license_key_state(self, license_key: str, identifier: str) -> LicenseKeyState | None:
        """As :meth:`find_license_key_state`: one transaction runs at a time."""
        return self.find_license_key_state(license_key, identifier)

    def count_active(self, license_key_id: int) -> int:
        """Return how many activations are active."""
        return sum(activation.active for activation in self.list_activations(license_key_id))

    def put_activation(self, license_key_id: int, activation: Activation) -> None:
        """Store an activation, in place of the one by the same identifier."""
        self._activations[license_key_id, activation.identifier] = activation

    def record_seen(self, license_key_id: int, identifier: str, seen_at: datetime) -> None:
        """Store when an activation was last seen."""
        activation = self._activations[license_key_id, identifier]
        self.put_activation(license_key_id, dataclasses.replace(activation, last_seen_at=seen_at))

    def list_activations(self, license_key_id: int) -> Sequence[Activation]:
        """Return the activations of a license key, by identifier."""
        by_identifier = sorted(self._activations.items())
        return [activation for (key_id, _), activation in by_identifier if key_id == license_key_id]

    def end_activations(self, license_key_id: int) -> None:
        """Make every activation of a license key inactive."""
        for activation in self.list_activations(license_key_id):
            self.put_activation(license_key_id, dataclasses.replace(activation, active=False))
