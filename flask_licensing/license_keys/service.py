"""Creating, listing, changing and deleting license keys (contract sections 4 to 6)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from flask_licensing.core.signals import signals
from flask_licensing.core.store import require_group
from flask_licensing.errors import Code, IncorrectData, LicensingError, UnknownLicenseKey
from flask_licensing.license_keys.fields import LICENSE_KEY_RULE, NO_EXPIRY_DATE, is_license_key
from flask_licensing.license_keys.store import (
    CreationResult,
    LicenseKeyBatch,
    LicenseKeyChangeStore,
    LicenseKeyFilter,
    LicenseKeySearchStore,
    LicenseKeyStatus,
    LicenseKeyStore,
)
from flask_licensing.products.fields import UNKNOWN_PRODUCT
from flask_licensing.products.service import find_product

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from blinker import NamedSignal

    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.work import Work
    from flask_licensing.license_keys.store import LicenseKey, LicenseKeyTerms

LICENSE_KEYS_CREATED = "license-keys-created"

license_keys_created = signals.signal(LICENSE_KEYS_CREATED)
"""License keys were created: ``batch`` is the :class:`~flask_licensing.hooks.LicenseKeyBatch` as sent, ``result`` the
:class:`~flask_licensing.hooks.CreationResult`, ``caller`` the id of who called, ``None`` for host code."""

CREATION_RESULT = Code(900, "License keys creation result", signed_for_product=True)
INCORRECT_DATA = Code(901, "Incorrect data found", signed_for_product=True)
NONE_CREATED = Code(902, "No license keys created", signed_for_product=True)


UPDATED = Code(950, "License keys updated", signed_for_product=True)
INCORRECT_CHANGES = Code(951, "Incorrect data found", signed_for_product=True)
NOT_THERE_TO_UPDATE = Code(952, "License key not found")
DELETED = Code(850, "License key deleted", signed_for_product=True)
NOT_THERE_TO_DELETE = Code(851, "License key not found")
LISTED = Code(730, "License keys")
UNKNOWN_PRODUCT_OF_LIST = Code(740, "Product doesn't exist")
COUNTED = Code(741, "Available license keys count")

LICENSE_KEY_UPDATED = "license-key-updated"
LICENSE_KEY_DELETED = "license-key-deleted"
LICENSE_KEY_REPLACED = "license-key-replaced"

license_key_updated = signals.signal(LICENSE_KEY_UPDATED)
"""Terms of a license key were changed: ``license_key`` is the :class:`~flask_licensing.hooks.LicenseKey` with them."""

license_key_deleted = signals.signal(LICENSE_KEY_DELETED)
"""A license key was deleted: ``license_key`` is what it was."""

license_key_replaced = signals.signal(LICENSE_KEY_REPLACED)
"""A license key got another text: ``license_key`` is the :class:`~flask_licensing.hooks.LicenseKey` with that."""


def create_license_keys(
    work: Work, fields: LoadedFields, *, caller: str | None
) -> tuple[LicenseKeyBatch, CreationResult]:
    """Create the license keys that the fields of a request describe, and send the signal; ``caller`` goes with it.

    Raises:
        IncorrectData: fields are wrong or the product does not exist; it names the product where that does exist.

    """
    batch = _check_batch(work, fields)
    result = _add_batch(work, batch)
    if result.created:
        work.send(license_keys_created, batch=batch, result=result, caller=caller)
    return batch, result


def _check_batch(work: Work, fields: LoadedFields) -> LicenseKeyBatch:
    """Return the batch that the fields of a request describe.

    A key that is assigned without saying when is assigned at the time of the work (contract section 4).
    """
    batch: LicenseKeyBatch | None = fields.value
    product_id = batch.terms.product_id if batch else fields.readable.get("product_id")
    product = None if product_id is None else find_product(work.store, product_id)
    errors = dict(fields.errors)
    if product_id is not None and product is None:
        errors["product_id"] = [UNKNOWN_PRODUCT]
    if batch is None or errors:
        raise IncorrectData(errors, product_id=product.id if product else None)
    return dataclasses.replace(batch, terms=with_time_of_assignment(batch.terms, work.now))


def _add_batch(work: Work, batch: LicenseKeyBatch) -> CreationResult:
    """Store the license keys of a checked batch that are not there yet; the counts add up to the keys sent.

    What created nothing changed nothing, and is not in the audit log.
    """
    distinct = sorted(set(batch.license_keys))
    store = require_group(work.store, LicenseKeyStore, "holds no license keys")
    created = counted(store.add_license_keys(distinct, batch.terms, work.now), of=len(distinct))
    duplicate = len(batch.license_keys) - created
    if created:
        work.record(LICENSE_KEYS_CREATED, product_id=batch.terms.product_id, created=created, duplicate=duplicate)
    return CreationResult(created=created, duplicate=duplicate)


def counted(created: int, *, of: int) -> int:
    """Return how many license keys a store says it created; raise for an impossible number, as some drivers' -1."""
    if not 0 <= created <= of:
        raise LicensingError(f"The key store says that it created {created} of {of} license keys.")
    return created


def with_time_of_assignment(terms: LicenseKeyTerms, now: datetime) -> LicenseKeyTerms:
    """Return the terms; where they assign a key and don't say when, it is assigned ``now`` (contract section 4)."""
    if terms.status is not LicenseKeyStatus.ASSIGNED or terms.assigned_at is not None:
        return terms
    return dataclasses.replace(terms, assigned_at=now.replace(microsecond=0))


def list_license_keys(work: Work, fields: LoadedFields) -> Sequence[LicenseKey] | None:
    """Return a page of license keys, by id; ``None`` where they are asked for by a product that does not exist.

    Raises:
        IncorrectData: a field is wrong.

    """
    if fields.errors:
        raise IncorrectData(fields.errors)
    wanted = dict(fields.value)
    page, limit, after_id = (wanted.pop(name) for name in ("page", "items_per_page", "after"))
    if wanted["product_id"] is not None and find_product(work.store, wanted["product_id"]) is None:
        return None
    store = require_group(work.store, LicenseKeySearchStore, "does not search license keys")
    return store.find_license_keys(
        LicenseKeyFilter(**wanted), after_id=after_id, offset=(page - 1) * limit, limit=limit
    )


def count_available(work: Work, product_id: int) -> int | None:
    """Return how many license keys of a product are available; ``None`` where there is no such product."""
    if find_product(work.store, product_id) is None:
        return None
    return require_group(work.store, LicenseKeySearchStore, "does not search license keys").count_license_keys(
        product_id, LicenseKeyStatus.AVAILABLE
    )


def update_license_key(work: Work, license_key: str, fields: LoadedFields) -> LicenseKey | None:
    """Change those terms of a license key that are sent, and return it as it is then; ``None`` if there is none.

    Back to available ends its activations and clears its owner and the time of assignment; assigned without such a
    time is assigned now (contract section 6).

    Raises:
        IncorrectData: a field is wrong, or the product does not exist; nothing is changed.

    """
    key = _lock(work, license_key)
    if key is None:
        return None
    terms = _changed_terms(work, key.terms, fields)
    changed = dataclasses.replace(key, terms=terms, updated_at=work.now)
    changes_of(work).update_license_key(changed)
    if _becomes_available(key.terms, terms):
        changes_of(work).end_activations(key.id)
    _record(work, LICENSE_KEY_UPDATED, license_key_updated, changed)
    return changed


def delete_license_key(work: Work, license_key: str) -> LicenseKey | None:
    """Delete a license key with its activations, and return what it was; ``None`` if there is none."""
    key = _lock(work, license_key)
    if key is not None:
        changes_of(work).delete_license_key(key.id)
        _record(work, LICENSE_KEY_DELETED, license_key_deleted, key)
    return key


def replace_license_key(work: Work, license_key: str, new_license_key: str) -> LicenseKey:
    """Give a license key another text, and return it; terms, owner, activations and metadata stay.

    Raises:
        UnknownLicenseKey: there is no such license key.
        IncorrectData: the new text can't be a license key, or is one already.

    """
    if not is_license_key(new_license_key):
        raise IncorrectData({"new_license_key": [f"The new license key must be {LICENSE_KEY_RULE}."]})
    # Both are locked, in an order that is the same for everyone who replaces.
    locked = {text: _lock(work, text) for text in sorted({license_key, new_license_key})}
    key = locked[license_key]
    if key is None:
        raise UnknownLicenseKey
    if locked[new_license_key] is not None:
        raise IncorrectData({"new_license_key": ["The new license key is there already."]})
    replaced = dataclasses.replace(key, license_key=new_license_key, updated_at=work.now)
    changes_of(work).update_license_key(replaced)
    _record(work, LICENSE_KEY_REPLACED, license_key_replaced, replaced)
    return replaced


def changes_of(work: Work) -> LicenseKeyChangeStore:
    """Return the store of the work as one whose license keys can be changed."""
    return require_group(work.store, LicenseKeyChangeStore, "does not change license keys")


def _lock(work: Work, license_key: str) -> LicenseKey | None:
    return changes_of(work).lock_license_key(license_key) if is_license_key(license_key) else None


def _changed_terms(work: Work, terms: LicenseKeyTerms, fields: LoadedFields) -> LicenseKeyTerms:
    """Return the terms with those changes that fields describe, and with what follows from them."""
    sent: Mapping[str, Any] = fields.readable if fields.errors else fields.value
    changes = {name: value for name, value in sent.items() if name != "license_key"}
    errors = {name: sentences for name, sentences in fields.errors.items() if name != "license_key"}
    if "product_id" in changes and find_product(work.store, changes["product_id"]) is None:
        errors["product_id"] = [UNKNOWN_PRODUCT]
    changed = dataclasses.replace(terms, **changes)
    if _becomes_available(terms, changed):
        changed = dataclasses.replace(changed, owner_name=None, owner_email=None, assigned_at=None)
    changed = with_time_of_assignment(changed, work.now)
    if not changed.have_an_expiry_date:
        errors.setdefault("validity", [NO_EXPIRY_DATE])
    if errors:
        raise IncorrectData(errors, product_id=terms.product_id)
    return changed


def _becomes_available(before: LicenseKeyTerms, after: LicenseKeyTerms) -> bool:
    return after.status is LicenseKeyStatus.AVAILABLE is not before.status


def _record(work: Work, action: str, signal: NamedSignal, key: LicenseKey) -> None:
    work.record(action, product_id=key.terms.product_id, target=f"license-key:{key.id}")
    work.send(signal, license_key=key)
