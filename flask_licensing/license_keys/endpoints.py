"""``create-license-keys`` and what lists, changes and deletes license keys (contract sections 4 and 5)."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

from marshmallow import Schema, fields, validate

from flask_licensing.core.fields import RecordId, RequestSchema, Text
from flask_licensing.core.log_text import printable
from flask_licensing.core.wire import ISO
from flask_licensing.http.answers import Outcome
from flask_licensing.http.endpoint import Endpoint
from flask_licensing.http.moments import DATE_AND_TIME, moment
from flask_licensing.license_keys import service
from flask_licensing.license_keys.fields import (
    CreateLicenseKeysSchema,
    LicenseKeyChangesSchema,
    LicenseKeyListSchema,
)
from flask_licensing.license_keys.service import (
    CREATION_RESULT,
    INCORRECT_DATA,
    NONE_CREATED,
    create_license_keys,
)
from flask_licensing.license_keys.store import (
    LicenseKeyChangeStore,
    LicenseKeySearchStore,
    LicenseKeyStore,
)
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


class _NamedLicenseKeySchema(RequestSchema):
    """The field that names a license key; an invalid text names no license key."""

    license_key = Text(load_default="")


class _CountSchema(RequestSchema):
    """The field of ``get-available-license-keys-count``."""

    product_id = RecordId(required=True)


class _ListedLicenseKeySchema(Schema):
    """A license key, as ``get-license-keys`` gives it."""

    id = fields.Integer(required=True)
    product_id = fields.Integer(required=True, attribute="terms.product_id")
    license_key = fields.String(required=True)
    owner_name = fields.String(required=True, allow_none=True, attribute="terms.owner_name")
    owner_email = fields.String(required=True, allow_none=True, attribute="terms.owner_email")
    activation_limit = fields.Integer(required=True, attribute="terms.activation_limit")
    validity = fields.Integer(required=True, attribute="terms.validity")
    assigned_at = moment("terms.assigned_at", DATE_AND_TIME)
    status = fields.String(required=True, attribute="terms.status")
    created_at = moment("created_at", ISO)
    updated_at = moment("updated_at", ISO)


class _ListResultSchema(Schema):
    """A page of license keys, by id."""

    license_keys = fields.List(fields.Nested(_ListedLicenseKeySchema), required=True)


class _CountResultSchema(Schema):
    """How many license keys are available."""

    count = fields.Integer(required=True, validate=validate.Range(min=0))


_NAMED = _NamedLicenseKeySchema()
_CHANGES = LicenseKeyChangesSchema()
_LIST = LicenseKeyListSchema()
_COUNT = _CountSchema()
_LIST_RESULT = _ListResultSchema()
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


def _update(work: Work, _: Caller, sent: LoadedFields) -> Outcome:
    key = service.update_license_key(work, _named(sent), sent)
    if key is None:
        return Outcome.of(service.NOT_THERE_TO_UPDATE)
    return Outcome.of(service.UPDATED, product_id=key.terms.product_id)


def _delete(work: Work, _: Caller, sent: LoadedFields) -> Outcome:
    key = service.delete_license_key(work, _named(sent))
    if key is None:
        return Outcome.of(service.NOT_THERE_TO_DELETE)
    return Outcome.of(service.DELETED, product_id=key.terms.product_id)


def _list(work: Work, _: Caller, sent: LoadedFields) -> Outcome:
    if "product_id" in sent.errors:
        return Outcome.of(service.UNKNOWN_PRODUCT_OF_LIST)
    keys = service.list_license_keys(work, sent)
    if keys is None:
        return Outcome.of(service.UNKNOWN_PRODUCT_OF_LIST)
    return Outcome.of(service.LISTED, _LIST_RESULT.dump({"license_keys": keys}))


def _count(work: Work, _: Caller, sent: LoadedFields) -> Outcome:
    count = None if sent.errors else service.count_available(work, sent.value["product_id"])
    if count is None:
        return Outcome.of(service.UNKNOWN_PRODUCT_OF_LIST)
    return Outcome.of(service.COUNTED, {"count": count})


def _named(sent: LoadedFields) -> str:
    """Return the license key that a request names; an invalid text is that of no license key."""
    return str((sent.readable if sent.errors else sent.value).get("license_key", ""))


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
UPDATE_LICENSE_KEY = Endpoint(
    name="update-license-key",
    method="POST",
    handle=_update,
    summary="Change those terms of a license key that are sent.",
    request_schema=lambda _: _CHANGES,
    outcomes={service.NOT_THERE_TO_UPDATE: Schema, service.UPDATED: Schema},
    incorrect_data=service.INCORRECT_CHANGES,
    needs=(ProductStore, LicenseKeyChangeStore),
)
DELETE_LICENSE_KEY = Endpoint(
    name="delete-license-key",
    method="POST",
    handle=_delete,
    summary="Delete a license key with its activations.",
    request_schema=lambda _: _NAMED,
    outcomes={service.NOT_THERE_TO_DELETE: Schema, service.DELETED: Schema},
    needs=(LicenseKeyChangeStore,),
)
GET_LICENSE_KEYS = Endpoint(
    name="get-license-keys",
    method="GET",
    handle=_list,
    summary="List license keys, by id.",
    request_schema=lambda _: _LIST,
    outcomes={service.UNKNOWN_PRODUCT_OF_LIST: Schema, service.LISTED: _ListResultSchema},
    needs=(ProductStore, LicenseKeySearchStore),
)
GET_AVAILABLE_LICENSE_KEYS_COUNT = Endpoint(
    name="get-available-license-keys-count",
    method="GET",
    handle=_count,
    summary="Count the available license keys of a product.",
    request_schema=lambda _: _COUNT,
    outcomes={service.UNKNOWN_PRODUCT_OF_LIST: Schema, service.COUNTED: _CountResultSchema},
    needs=(ProductStore, LicenseKeySearchStore),
)

ENDPOINTS = (
    CREATE_LICENSE_KEYS,
    UPDATE_LICENSE_KEY,
    DELETE_LICENSE_KEY,
    GET_LICENSE_KEYS,
    GET_AVAILABLE_LICENSE_KEYS_COUNT,
)
