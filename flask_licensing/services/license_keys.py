"""Creating license keys."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from marshmallow import ValidationError

from flask_licensing.domain import CreationResult, LicenseKeyBatch, LicenseKeyStatus
from flask_licensing.errors import IncorrectData, LicensingError
from flask_licensing.schemas import sentences_of
from flask_licensing.signals import license_keys_created

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from flask_licensing.domain import LicenseKeyTerms, Product
    from flask_licensing.hooks import KeyStore
    from flask_licensing.schemas import CreateLicenseKeysSchema
    from flask_licensing.work import Work

LICENSE_KEYS_CREATED = "license-keys-created"


def create_license_keys(
    work: Work, schema: CreateLicenseKeysSchema, sent_fields: Mapping[str, Any], *, caller: str | None
) -> tuple[LicenseKeyBatch, CreationResult]:
    """Create the license keys that the fields of a request describe, and send the signal; ``caller`` goes with it.

    Raises:
        IncorrectData: fields are wrong or the product does not exist; it names the product where that does exist.
        RequestTooLarge: there are more license keys than the schema takes.

    """
    batch = _check_batch(work, schema, sent_fields)
    result = _add_batch(work, batch)
    if result.created:
        work.send(license_keys_created, batch=batch, result=result, caller=caller)
    return batch, result


def _check_batch(work: Work, schema: CreateLicenseKeysSchema, sent_fields: Mapping[str, Any]) -> LicenseKeyBatch:
    """Return the batch that the fields of a request describe.

    A key that is assigned without saying when is assigned at the time of the work (contract section 4).
    """
    try:
        batch: LicenseKeyBatch = schema.load(sent_fields)
    except ValidationError as error:
        sentences = sentences_of(error)
        readable = cast("dict[str, Any]", error.valid_data)
        product = _find_product(work.store, schema, readable.get("product_id"), sentences)
        raise IncorrectData(sentences, product_id=product.id if product else None) from None
    sentences = {}
    if _find_product(work.store, schema, batch.terms.product_id, sentences) is None:
        raise IncorrectData(sentences)
    return dataclasses.replace(batch, terms=with_time_of_assignment(batch.terms, work.now))


def _add_batch(work: Work, batch: LicenseKeyBatch) -> CreationResult:
    """Store the license keys of a checked batch that are not there yet; the counts add up to the keys sent.

    What created nothing changed nothing, and is not in the audit log.
    """
    distinct = sorted(set(batch.license_keys))
    created = counted(work.store.add_license_keys(distinct, batch.terms, work.now), of=len(distinct))
    duplicate = len(batch.license_keys) - created
    if created:
        work.record(LICENSE_KEYS_CREATED, product_id=batch.terms.product_id, created=created, duplicate=duplicate)
    return CreationResult(created=created, duplicate=duplicate)


def counted(created: int, *, of: int) -> int:
    """Return how many license keys a store says it created; raise where that can't be, as the -1 of some drivers."""
    if not 0 <= created <= of:
        raise LicensingError(f"The key store says that it created {created} of {of} license keys.")
    return created


def _find_product(
    store: KeyStore,
    schema: CreateLicenseKeysSchema,
    product_id: int | None,
    sentences: dict[str, list[str]],
) -> Product | None:
    """Return the product; where a readable id names none, add the sentence that says so."""
    if product_id is None:
        return None
    product = store.find_product(product_id)
    if product is None:
        sentences["product_id"] = [schema.unknown_product_sentence]
    return product


def with_time_of_assignment(terms: LicenseKeyTerms, now: datetime) -> LicenseKeyTerms:
    """Return the terms; where they assign a key and don't say when, it is assigned ``now`` (contract section 4)."""
    if terms.status is not LicenseKeyStatus.ASSIGNED or terms.assigned_at is not None:
        return terms
    return dataclasses.replace(terms, assigned_at=now.replace(microsecond=0))
