"""Assigning any available license keys of a product, as a shop does for each order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask_licensing.assignment.service import assigned_to, license_key_assigned
from flask_licensing.assignment.store import StockStore
from flask_licensing.core.store import require_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_licensing.assignment.service import Owner
    from flask_licensing.core.work import Work
    from flask_licensing.license_keys.store import LicenseKey

LICENSE_KEYS_ASSIGNED = "license-keys-assigned"


@dataclass(frozen=True)
class Shortfall:
    """There are not as many license keys as were wanted: ``available`` is how many there are."""

    available: int


def assign_from_stock(work: Work, product_id: int, quantity: int, owner: Owner) -> Sequence[LicenseKey] | Shortfall:
    """Assign so many available license keys of a product to an owner and return them, by id, or assign none."""
    store = require_group(work.store, StockStore, "keeps no stock of license keys")
    locked = store.lock_available_license_keys(product_id, quantity)
    if len(locked) < quantity:
        return Shortfall(len(locked))
    assigned = [assigned_to(owner, key, work.now) for key in locked]
    store.assign_license_keys(assigned)
    note_assigned(work, assigned)
    return assigned


def note_assigned(work: Work, license_keys: Sequence[LicenseKey]) -> None:
    """Record that license keys of one product were assigned, and send the signal of each after the commit."""
    first, last = license_keys[0], license_keys[-1]
    target = f"license-keys:{first.id}-{last.id} ({len(license_keys)})"
    work.record(LICENSE_KEYS_ASSIGNED, product_id=first.terms.product_id, target=target)
    for key in license_keys:
        work.send(license_key_assigned, license_key=key)
