"""``create-license-keys`` (contract section 4)."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

from marshmallow import Schema, fields, validate

from flask_licensing.core.log_text import printable
from flask_licensing.http.answers import Outcome
from flask_licensing.http.endpoint import Endpoint
from flask_licensing.license_keys.fields import CreateLicenseKeysSchema
from flask_licensing.license_keys.service import (
    CREATION_RESULT,
    INCORRECT_DATA,
    NONE_CREATED,
    create_license_keys,
)
from flask_licensing.license_keys.store import LicenseKeyStore
from flask_licensing.products.store import ProductStore

if TYPE_CHECKING:
    from flask_licensing.core.domain import Caller
    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.work import Work


_logger = logging.getLogger(__name__)


class _CreationResultSchema(Schema):
    """How many license keys were created, and how many were there already: both add up to those sent."""

    created = fields.Integer(required=True, validate=validate.Range(min=0))
    duplicate = fields.Integer(required=True, validate=validate.Range(min=0))


_CREATION_RESULT = _CreationResultSchema()


def _create_license_keys(work: Work, caller: Caller, sent: LoadedFields) -> Outcome:
    batch, result = create_license_keys(work, sent, caller=caller.id)
    work.log_after_commit(
        _logger,
        "%s created %d license keys of product %d (%d duplicates)",
        printable(caller.id),
        result.created,
        batch.terms.product_id,
        result.duplicate,
    )
    return Outcome.of(
        CREATION_RESULT if result.created else NONE_CREATED,
        _CREATION_RESULT.dump(result),
        product_id=batch.terms.product_id,
    )


@cache
def _schema(max_license_keys: int) -> CreateLicenseKeysSchema:
    return CreateLicenseKeysSchema(max_license_keys=max_license_keys)


CREATE_LICENSE_KEYS = Endpoint(
    name="create-license-keys",
    method="POST",
    handle=_create_license_keys,
    summary="Create license keys: all that are not there yet, or none.",
    request_schema=lambda settings: _schema(settings.max_license_keys_per_request),
    longest_array=lambda settings: settings.max_license_keys_per_request,
    outcomes={CREATION_RESULT: _CreationResultSchema, NONE_CREATED: _CreationResultSchema},
    incorrect_data=INCORRECT_DATA,
    needs=(ProductStore, LicenseKeyStore),
)
