"""``get-all-generators`` and ``generate`` (contract section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marshmallow import Schema, fields

from flask_licensing.core.fields import RequestSchema
from flask_licensing.core.wire import ISO
from flask_licensing.errors import IncorrectData
from flask_licensing.generators import service
from flask_licensing.generators.fields import GenerateSchema
from flask_licensing.generators.service import GENERATED, GENERATOR_NOT_FOUND, GENERATORS_LISTED
from flask_licensing.generators.store import GeneratorStore
from flask_licensing.http.answers import Outcome
from flask_licensing.http.endpoint import Endpoint
from flask_licensing.http.moments import moment
from flask_licensing.license_keys.store import LicenseKeyStore

if TYPE_CHECKING:
    from flask_licensing.core.domain import Caller
    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.work import Work


class _GeneratorRecordSchema(Schema):
    """A generator, as ``get-all-generators`` gives it."""

    id = fields.Integer(required=True)
    product_id = fields.Integer(required=True)
    method = fields.String(required=True)
    prefix = fields.String(required=True)
    suffix = fields.String(required=True)
    function_name = fields.String(required=True)
    number_of_chunks = fields.Integer(required=True)
    chunk_length = fields.Integer(required=True)
    activation_limit = fields.Integer(required=True)
    validity = fields.Integer(required=True)
    status = fields.Integer(required=True, attribute="active")
    charset = fields.String(required=True)
    created_at = moment("created_at", ISO)
    updated_at = moment("updated_at", ISO)


class _GeneratorListSchema(Schema):
    """All generators, by id, under the name that clients know them by."""

    products = fields.List(fields.Nested(_GeneratorRecordSchema), required=True)


class _GeneratedSchema(Schema):
    """The license keys that were generated, in the order in which they were made."""

    licenseKeys = fields.List(fields.String(), required=True)  # noqa: N815 - so named by the contract


class _NoFieldsSchema(RequestSchema):
    """No fields."""


_NO_FIELDS = _NoFieldsSchema()
_GENERATE = GenerateSchema()
_LIST = _GeneratorListSchema()


def _list(work: Work, _: Caller, __: LoadedFields) -> Outcome:
    generators = service.generators_of(work).list_generators()
    return Outcome.of(GENERATORS_LISTED, _LIST.dump({"products": generators}))


def _generate(work: Work, _: Caller, sent: LoadedFields) -> Outcome:
    generator_id = (sent.readable if sent.errors else sent.value).get("generator_id")
    generator = None if generator_id is None else service.find_active_generator(work, generator_id)
    if generator is None:
        return Outcome.of(GENERATOR_NOT_FOUND)
    if sent.errors:
        raise IncorrectData(sent.errors)
    keys = service.generate_license_keys(work, generator, sent.value["quantity"])
    texts = [key.license_key for key in keys]
    return Outcome.of(GENERATED, {"licenseKeys": texts}, product_id=generator.product_id)


ENDPOINTS = (
    Endpoint(
        name="get-all-generators",
        method="GET",
        handle=_list,
        summary="List all generators of license keys, by id.",
        request_schema=lambda _: _NO_FIELDS,
        outcomes={GENERATORS_LISTED: _GeneratorListSchema},
        needs=(GeneratorStore,),
    ),
    Endpoint(
        name="generate",
        method="POST",
        handle=_generate,
        summary="Generate license keys and store them, available.",
        request_schema=lambda _: _GENERATE,
        outcomes={GENERATOR_NOT_FOUND: Schema, GENERATED: _GeneratedSchema},
        needs=(GeneratorStore, LicenseKeyStore),
    ),
)
