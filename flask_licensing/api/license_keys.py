"""``create-license-keys`` (contract section 4)."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

from marshmallow import Schema, fields, validate

from flask_licensing.api.answers import FieldErrorsSchema, Outcome
from flask_licensing.api.endpoint import Endpoint
from flask_licensing.codes import Code
from flask_licensing.errors import IncorrectData
from flask_licensing.license_key_fields import CreateLicenseKeysSchema
from flask_licensing.log_text import printable
from flask_licensing.services.license_keys import create_license_keys

if TYPE_CHECKING:
    from flask_licensing.domain import Caller
    from flask_licensing.fields import LoadedFields
    from flask_licensing.work import Work


class CreationResultSchema(Schema):
    """How many license keys were created, and how many were there already: both add up to those sent."""

    created = fields.Integer(required=True, validate=validate.Range(min=0))
    duplicate = fields.Integer(required=True, validate=validate.Range(min=0))


_logger = logging.getLogger(__name__)

_CREATION_RESULT = CreationResultSchema()
_FIELD_ERRORS = FieldErrorsSchema()


def _create_license_keys(work: Work, caller: Caller, fields: LoadedFields) -> Outcome:
    try:
        batch, result = create_license_keys(work, fields, caller=caller.id)
    except IncorrectData as refused:
        return Outcome.of(Code.INCORRECT_DATA, _FIELD_ERRORS.dump(refused), product_id=refused.product_id)

    work.log_after_commit(
        _logger,
        "%s created %d license keys of product %d (%d duplicates)",
        printable(caller.id),
        result.created,
        batch.terms.product_id,
        result.duplicate,
    )
    return Outcome.of(
        Code.LICENSE_KEYS_CREATED if result.created else Code.NO_LICENSE_KEYS_CREATED,
        _CREATION_RESULT.dump(result),
        product_id=batch.terms.product_id,
    )


@cache
def _schema(max_license_keys: int) -> CreateLicenseKeysSchema:
    return CreateLicenseKeysSchema(max_license_keys=max_license_keys)


CREATE_LICENSE_KEYS = Endpoint(
    "create-license-keys",
    "POST",
    _create_license_keys,
    summary="Create license keys: all that are not there yet, or none.",
    request_schema=lambda settings: _schema(settings.max_keys_per_request),
    outcomes={
        Code.LICENSE_KEYS_CREATED: CreationResultSchema,
        Code.NO_LICENSE_KEYS_CREATED: CreationResultSchema,
        Code.INCORRECT_DATA: FieldErrorsSchema,
    },
)
