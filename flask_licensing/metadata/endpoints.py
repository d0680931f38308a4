"""The six endpoints that change the metadata of license keys and products (contract section 5)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from marshmallow import Schema, fields

from flask_licensing.activations.service import CONDITIONS
from flask_licensing.activations.store import ActivationStore
from flask_licensing.http.answers import Outcome
from flask_licensing.http.endpoint import Endpoint
from flask_licensing.metadata import service
from flask_licensing.metadata.fields import (
    MAX_VALUE_LENGTH,
    LicenseKeyMetaSchema,
    NamedLicenseKeyMetaSchema,
    NamedProductMetaSchema,
    ProductMetaSchema,
)
from flask_licensing.metadata.store import MetadataChangeStore
from flask_licensing.products.store import ProductChangeStore

if TYPE_CHECKING:
    from flask_licensing.core.domain import Caller
    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.work import Work
    from flask_licensing.metadata.service import Change


class _MetaIdSchema(Schema):
    """The id of the metadata."""

    meta_id = fields.Integer(required=True)


_TELL_THE_ID = (service.CREATE_LICENSE_KEY_META.done, service.UPDATE_LICENSE_KEY_META.done)
_REFUSALS = dict.fromkeys((condition.code for condition in CONDITIONS), Schema)


def _of_license_key(change: Change, work: Work, _: Caller, sent: LoadedFields) -> Outcome:
    verdict = service.change_license_key_meta(work, change, sent)
    members = {"meta_id": verdict.meta_id} if verdict.code in _TELL_THE_ID else {}
    return Outcome.of(verdict.code, members, product_id=verdict.product_id)


def _of_product(change: Change, work: Work, _: Caller, sent: LoadedFields) -> Outcome:
    verdict = service.change_product_meta(work, change, sent)
    return Outcome.of(verdict.code, product_id=verdict.product_id)


def _license_key_endpoint(name: str, change: Change, schema: Schema, summary: str) -> Endpoint:
    return Endpoint(
        name=name,
        method="POST",
        handle=partial(_of_license_key, change),
        summary=summary,
        request_schema=lambda _: schema,
        longest_array=lambda _: MAX_VALUE_LENGTH,
        outcomes=_REFUSALS | {code: _MetaIdSchema if code in _TELL_THE_ID else Schema for code in change.outcomes},
        needs=(ActivationStore, MetadataChangeStore),
    )


def _product_endpoint(name: str, change: Change, schema: Schema, summary: str) -> Endpoint:
    return Endpoint(
        name=name,
        method="POST",
        handle=partial(_of_product, change),
        summary=summary,
        request_schema=lambda _: schema,
        longest_array=lambda _: MAX_VALUE_LENGTH,
        outcomes=dict.fromkeys(change.outcomes, Schema),
        needs=(ProductChangeStore, MetadataChangeStore),
    )


ENDPOINTS = (
    _license_key_endpoint(
        "create-license-key-meta",
        service.CREATE_LICENSE_KEY_META,
        LicenseKeyMetaSchema(),
        "Keep a value with a license key.",
    ),
    _license_key_endpoint(
        "update-license-key-meta",
        service.UPDATE_LICENSE_KEY_META,
        LicenseKeyMetaSchema(),
        "Change a value that is kept with a license key.",
    ),
    _license_key_endpoint(
        "delete-license-key-meta",
        service.DELETE_LICENSE_KEY_META,
        NamedLicenseKeyMetaSchema(),
        "Delete a value that is kept with a license key.",
    ),
    _product_endpoint(
        "create-product-meta", service.CREATE_PRODUCT_META, ProductMetaSchema(), "Keep a value with a product."
    ),
    _product_endpoint(
        "update-product-meta",
        service.UPDATE_PRODUCT_META,
        ProductMetaSchema(),
        "Change a value that is kept with a product.",
    ),
    _product_endpoint(
        "delete-product-meta",
        service.DELETE_PRODUCT_META,
        NamedProductMetaSchema(),
        "Delete a value that is kept with a product.",
    ),
)
