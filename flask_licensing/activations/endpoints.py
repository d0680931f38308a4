"""``verify``, ``activate``, ``deactivate`` and ``get-license-key-details`` (contract sections 5 and 8)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flask import request
from marshmallow import Schema, fields

from flask_licensing.activations import service
from flask_licensing.activations.fields import QuestionSchema, read_question
from flask_licensing.activations.service import CONDITIONS, members_bound_to
from flask_licensing.activations.store import ActivationStore
from flask_licensing.core.domain import MAX_TEXT_LENGTH
from flask_licensing.core.metadata import MetadataOwner, metadata_of
from flask_licensing.core.wire import ISO
from flask_licensing.http.answers import Outcome
from flask_licensing.http.endpoint import Endpoint
from flask_licensing.http.metadata import metadata_field, show_metadata
from flask_licensing.http.moments import DATE_AND_TIME, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask_licensing.activations.service import Verdict
    from flask_licensing.activations.store import LicenseKeyState
    from flask_licensing.core.domain import Caller
    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.work import Work
    from flask_licensing.errors import Code
    from flask_licensing.license_keys.store import LicenseKey


def _expiry_date(key: LicenseKey) -> str | bool:
    return key.expires_at.strftime(ISO) if key.expires_at else False


class _LicenseKeySchema(Schema):
    """A license key, as ``get-license-key-details`` gives it."""

    id = fields.Integer(required=True)
    license_key = fields.String(required=True)
    owner_name = fields.String(required=True, allow_none=True, attribute="terms.owner_name")
    owner_email = fields.String(required=True, allow_none=True, attribute="terms.owner_email")
    activation_limit = fields.Integer(required=True, attribute="terms.activation_limit")
    validity = fields.Integer(required=True, attribute="terms.validity")
    assigned_at = moment("terms.assigned_at", DATE_AND_TIME)
    meta_data = metadata_field()
    expires_at = fields.Function(
        _expiry_date,
        required=True,
        metadata={"type": ["string", "boolean"], "description": "false if it never expires."},
    )


class _ProductSchema(Schema):
    """A product, as ``get-license-key-details`` gives it."""

    id = fields.Integer(required=True)
    external_reference = fields.String(required=True)
    source = fields.String(required=True)
    name = fields.String(required=True)
    post_url = fields.Constant("", required=True)
    description = fields.String(required=True)
    meta_data = metadata_field()


class _DetailsSchema(Schema):
    """A license key that is valid, and its product."""

    licenseKey = fields.Nested(_LicenseKeySchema, required=True, attribute="license_key")  # noqa: N815 - the contract's
    product = fields.Nested(_ProductSchema, required=True)


_QUESTION = QuestionSchema()
_DETAILS = _DetailsSchema()
_OWNERS = {"licenseKey": MetadataOwner.LICENSE_KEY, "product": MetadataOwner.PRODUCT}


def user_agent() -> str | None:
    """Return the program that the current request is from, as it says."""
    return request.headers.get("User-Agent", "")[:MAX_TEXT_LENGTH] or None


def _details(work: Work, state: LicenseKeyState | None) -> Mapping[str, Any]:
    """Return the license key and its product with their metadata."""
    details: dict[str, Any] = _DETAILS.dump(state)
    for name, owner in _OWNERS.items():
        record = details[name]
        found = metadata_of(work.store, owner, [record["id"]])
        record["meta_data"] = show_metadata(found.get(record["id"], ()))
    return details


def _answer(ask: Callable[[Work, str, str], Verdict], work: Work, _: Caller, sent: LoadedFields) -> Outcome:
    asked = read_question(sent)
    verdict = ask(work, asked.license_key, asked.identifier)
    details = _details(work, verdict.state) if verdict.code is service.FOUND else {}
    bound = members_bound_to(verdict, asked.license_key, asked.identifier, asked.nonce)
    return Outcome.of(verdict.code, {**details, **bound}, product_id=verdict.product_id)


def _activate(work: Work, license_key: str, identifier: str) -> Verdict:
    return service.activate(work, license_key, identifier, user_agent=user_agent())


def _endpoint(
    name: str, ask: Callable[[Work, str, str], Verdict], summary: str, outcomes: Mapping[Code, type[Schema]]
) -> Endpoint:
    return Endpoint(
        name=name,
        method="POST",
        handle=partial(_answer, ask),
        summary=summary,
        request_schema=lambda _: _QUESTION,
        outcomes=outcomes,
        needs=(ActivationStore,),
    )


_REFUSALS = dict.fromkeys((condition.code for condition in CONDITIONS), Schema)
_REFUSALS_TO_ACTIVATE = {code: schema for code, schema in _REFUSALS.items() if code is not service.NO_ACTIVATION}

VERIFY = _endpoint(
    "verify",
    service.verify,
    "Say whether a license key is valid for an identifier.",
    {**_REFUSALS, service.VALID: Schema},
)
ACTIVATE = _endpoint(
    "activate",
    _activate,
    "Activate a license key for an identifier.",
    {
        **_REFUSALS_TO_ACTIVATE,
        service.ALREADY_ACTIVE: Schema,
        service.LIMIT_REACHED: Schema,
        service.ACTIVATED: Schema,
    },
)
DEACTIVATE = _endpoint(
    "deactivate",
    service.deactivate,
    "End the activation of a license key by an identifier.",
    dict.fromkeys(
        (
            service.INVALID_LICENSE_KEY,
            service.IDENTIFIER_REQUIRED,
            service.ALREADY_INACTIVE,
            service.DEACTIVATED,
        ),
        Schema,
    ),
)
GET_LICENSE_KEY_DETAILS = _endpoint(
    "get-license-key-details",
    partial(service.verify, valid=service.FOUND),
    "Give a license key that is valid for an identifier, and its product.",
    {**_REFUSALS, service.FOUND: _DetailsSchema},
)

ENDPOINTS = (VERIFY, ACTIVATE, DEACTIVATE, GET_LICENSE_KEY_DETAILS)
