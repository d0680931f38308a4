"""Creating license keys."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from marshmallow import ValidationError

from flask_licensing.domain import AuditAction, CreationResult, LicenseKeyBatch, LicenseKeyStatus
from flask_licensing.errors import IncorrectData
from flask_licensing.schemas import sentences_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from flask_licensing.domain import LicenseKeyTerms, Origin, Product
    from flask_licensing.hooks import KeyStore
    from flask_licensing.schemas import CreateLicenseKeysSchema
    from flask_licensing.services.audit_log import AuditLog


def check_batch(
    store: KeyStore, schema: CreateLicenseKeysSchema, sent_fields: Mapping[str, Any], now: datetime
) -> LicenseKeyBatch:
    """Return the batch that the fields of a request describe.

    A key that is assigned without saying when is assigned ``now``, naive UTC (contract section 4).

    Raises:
        IncorrectData: fields are wrong or the product does not exist; it names the product where that does exist.
        RequestTooLarge: there are more license keys than the schema takes.

    """
    try:
        batch: LicenseKeyBatch = schema.load(sent_fields)
    except ValidationError as error:
        sentences = sentences_of(error)
        readable = cast("dict[str, Any]", error.valid_data)
        product = _find_product(store, schema, readable.get("product_id"), sentences)
        raise IncorrectData(sentences, product_id=product.id if product else None) from None
    sentences = {}
    if _find_product(store, schema, batch.terms.product_id, sentences) is None:
        raise IncorrectData(sentences)
    return dataclasses.replace(batch, terms=with_time_of_assignment(batch.terms, now))


def add_batch(
    store: KeyStore, audit_log: AuditLog, origin: Origin, batch: LicenseKeyBatch, now: datetime
) -> CreationResult:
    """Store the license keys of a checked batch that are not there yet; the counts add up to the keys sent.

    What created nothing changed nothing, and is not in the audit log.
    """
    distinct = sorted(set(batch.license_keys))
    created = store.add_license_keys(distinct, batch.terms, now)
    duplicate = len(batch.license_keys) - created
    if created:
        audit_log.record(
            origin,
            AuditAction.LICENSE_KEYS_CREATED,
            now,
            product_id=batch.terms.product_id,
            created=created,
            duplicate=duplicate,
        )
    return CreationResult(created=created, duplicate=duplicate)


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
