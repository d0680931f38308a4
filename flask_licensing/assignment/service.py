"""Giving license keys to their owners (contract section 5)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask_licensing.activations.service import (
    ACTIVATED,
    ALREADY_ACTIVE,
    IDENTIFIER_REQUIRED,
    PRODUCT_INACTIVE,
    Verdict,
    activations_of,
    add_activation,
    refusal_to_activate,
)
from flask_licensing.core.signals import signals
from flask_licensing.errors import Code
from flask_licensing.license_keys.service import changes_of
from flask_licensing.license_keys.store import LicenseKeyStatus

if TYPE_CHECKING:
    from datetime import datetime

    from flask_licensing.activations.store import LicenseKeyState
    from flask_licensing.core.work import Work
    from flask_licensing.license_keys.store import LicenseKey

ASSIGNED = Code(800, "License key assigned")
NOT_AVAILABLE = Code(801, "Invalid or already assigned license key")

LICENSE_KEY_ASSIGNED = "license-key-assigned"

license_key_assigned = signals.signal(LICENSE_KEY_ASSIGNED)
"""A license key was given to its owner: ``license_key`` is the license key as it is now."""


@dataclass(frozen=True)
class Owner:
    """To whom a license key is assigned: two free texts of up to 255 characters."""

    name: str | None
    email: str | None


def assign(work: Work, license_key: str, owner: Owner) -> Verdict:
    """Assign an available license key."""
    state = activations_of(work).lock_license_key_state(license_key, "")
    if state is None or not _is_available(state):
        return Verdict(NOT_AVAILABLE, state)
    return Verdict(ASSIGNED, _assigned(work, state, owner))


def assign_and_activate(
    work: Work, license_key: str, identifier: str, owner: Owner, *, user_agent: str | None = None
) -> Verdict:
    """Assign an available license key and activate it for an identifier, both or neither.

    Where the same owner sends it again with the same identifier, as after an answer that got lost, it is active
    already, which is no failure.
    """
    state = activations_of(work).lock_license_key_state(license_key, identifier)
    if not identifier:
        return Verdict(IDENTIFIER_REQUIRED, state)
    if state is None or not (_is_available(state) or _is_assigned_to(state, owner)):
        return Verdict(NOT_AVAILABLE, state)
    if state.product is None or not state.product.is_active:
        return Verdict(PRODUCT_INACTIVE, state)
    if _is_available(state):
        assigned = _assigned(work, state, owner)
        return Verdict(ACTIVATED, add_activation(work, assigned, identifier, user_agent))
    is_retry = refusal_to_activate(state, identifier, work.now) is ALREADY_ACTIVE
    return Verdict(ALREADY_ACTIVE if is_retry else NOT_AVAILABLE, state)


def assigned_to(owner: Owner, license_key: LicenseKey, now: datetime) -> LicenseKey:
    """Return a license key as it is once it is assigned, in whole seconds."""
    terms = dataclasses.replace(
        license_key.terms,
        status=LicenseKeyStatus.ASSIGNED,
        owner_name=owner.name,
        owner_email=owner.email,
        assigned_at=now.replace(microsecond=0),
    )
    return dataclasses.replace(license_key, terms=terms, updated_at=now)


def _assigned(work: Work, state: LicenseKeyState, owner: Owner) -> LicenseKeyState:
    """Store that a locked license key is assigned from now on; return the state after it."""
    key = assigned_to(owner, state.license_key, work.now)
    changes_of(work).update_license_key(key)
    work.record(LICENSE_KEY_ASSIGNED, product_id=key.terms.product_id, target=f"license-key:{key.id}")
    work.send(license_key_assigned, license_key=key)
    return dataclasses.replace(state, license_key=key)


def _is_available(state: LicenseKeyState) -> bool:
    return state.license_key.terms.status is LicenseKeyStatus.AVAILABLE


def _is_assigned_to(state: LicenseKeyState, owner: Owner) -> bool:
    terms = state.license_key.terms
    return terms.status is LicenseKeyStatus.ASSIGNED and Owner(terms.owner_name, terms.owner_email) == owner
