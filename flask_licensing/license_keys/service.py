"""Creating license keys."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from flask_licensing.core.signals import signals
from flask_licensing.core.store import require_group
from flask_licensing.errors import Code, IncorrectData, LicensingError
from flask_licensing.license_keys.fields import UNKNOWN_PRODUCT
from flask_licensing.license_keys.store import CreationResult, LicenseKeyBatch, LicenseKeyStatus, LicenseKeyStore
from flask_licensing.products.service import find_product

if TYPE_CHECKING:
    from datetime import datetime

    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.work import Work
    from flask_licensing.license_keys.store import LicenseKeyTerms

LICENSE_KEYS_CREATED = "license-keys-created"

license_keys_created = signals.signal(LICENSE_KEYS_CREATED)
"""License keys were created: ``batch`` is the :class:`~flask_licensing.hooks.LicenseKeyBatch` as sent, ``result`` the
:class:`~flask_licensing.hooks.CreationResult`, ``caller`` the id of who called, ``None`` for host code."""

CREATION_RESULT = Code(900, "License keys creation result", signed_for_product=True)
INCORRECT_DATA = Code(901, "Incorrect data found", signed_for_product=True)
NONE_CREATED = Code(902, "No license keys created", signed_for_product=True)


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
    """Return how many license keys a store says it created; raise where that can't be, as the -1 of some drivers."""
    if not 0 <= created <= of:
        raise LicensingError(f"The key store says that it created {created} of {of} license keys.")
    return created


def with_time_of_assignment(terms: LicenseKeyTerms, now: datetime) -> LicenseKeyTerms:
    """Return the terms; where they assign a key and don't say when, it is assigned ``now`` (contract section 4)."""
    if terms.status is not LicenseKeyStatus.ASSIGNED or terms.assigned_at is not None:
        return terms
    return dataclasses.replace(terms, assigned_at=now.replace(microsecond=0))
