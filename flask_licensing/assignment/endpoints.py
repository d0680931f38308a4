"""The endpoints that give license keys to their owners (contract section 5)."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from flask import request
from marshmallow import Schema, fields, validate

from flask_licensing.activations.endpoints import user_agent
from flask_licensing.activations.fields import read_texts
from flask_licensing.activations.service import ACTIVATED, ALREADY_ACTIVE, IDENTIFIER_REQUIRED, PRODUCT_INACTIVE
from flask_licensing.activations.store import ActivationStore
from flask_licensing.assignment import service, stock
from flask_licensing.assignment.fields import AssignLicenseKeySchema, AssignmentSchema, RandomAssignmentSchema
from flask_licensing.assignment.service import ASSIGNED, NOT_AVAILABLE, Owner
from flask_licensing.assignment.store import StockStore
from flask_licensing.core.store import LockWaitStore, has_group
from flask_licensing.core.wire import ISO
from flask_licensing.errors import StoreUnavailable
from flask_licensing.generators.service import GENERATOR_NOT_FOUND
from flask_licensing.http.answers import Outcome
from flask_licensing.http.endpoint import Endpoint
from flask_licensing.http.moments import moment
from flask_licensing.license_keys.store import LicenseKeyChangeStore
from flask_licensing.products.store import ProductStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask_licensing.activations.service import Verdict
    from flask_licensing.assignment.stock import RandomVerdict
    from flask_licensing.core.domain import Caller
    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.work import Work

LONGEST_SECONDS = 4.0
"""How long after the beginning of a request an assignment may be committed: some clients give up after 5 seconds and
ask again, for another license key."""

_NEEDS = (ActivationStore, LicenseKeyChangeStore)
RANDOM_NEEDS = (ProductStore, StockStore)
"""What a key store has that assigns license keys that are not named."""

_ENDS = "flask_licensing.assignment_ends"
_ASSIGN = AssignLicenseKeySchema()
_ASSIGN_AND_ACTIVATE = AssignmentSchema()
_ASSIGN_RANDOM = RandomAssignmentSchema()


class _AssignedLicenseKeySchema(Schema):
    """A license key that was assigned just now.

    Clients insert it as it comes into a table that has these columns and no others.
    """

    product_id = fields.Integer(required=True, attribute="terms.product_id")
    license_key = fields.String(required=True)
    activation_limit = fields.Integer(required=True, attribute="terms.activation_limit")
    validity = fields.Integer(required=True, attribute="terms.validity")
    status = fields.String(required=True, attribute="terms.status")
    owner_name = fields.String(required=True, allow_none=True, attribute="terms.owner_name")
    owner_email = fields.String(required=True, allow_none=True, attribute="terms.owner_email")
    # What is stored is in whole seconds.
    assigned_at = moment("updated_at", ISO)
    contract_id: fields.Field[Any] = fields.Constant(None, required=True)
    updated_at = moment("updated_at", ISO)
    created_at = moment("created_at", ISO)
    id = fields.Integer(required=True)
    meta_data: fields.Field[Any] = fields.Constant([], required=True)


class AssignedLicenseKeysSchema(Schema):
    """The license keys that were assigned."""

    license_keys = fields.List(fields.Nested(_AssignedLicenseKeySchema), required=True)


class TooFewSchema(Schema):
    """How many license keys are available."""

    available_quantity = fields.Integer(required=True, validate=validate.Range(min=0))


_ASSIGNED_KEYS = AssignedLicenseKeysSchema()


def in_time(assign: Callable[[Work, LoadedFields], Outcome], work: Work, _: Caller, sent: LoadedFields) -> Outcome:
    """Assign, and roll back what takes too long, all attempts of the request together."""
    ends = request.environ.setdefault(_ENDS, monotonic() + LONGEST_SECONDS)
    if (left := ends - monotonic()) <= 0:
        raise StoreUnavailable
    store = work.store
    with store.waiting_at_most(left) if has_group(store, LockWaitStore) else nullcontext():
        outcome = assign(work, sent)
    if monotonic() > ends:
        raise StoreUnavailable
    return outcome


def _assign(work: Work, sent: LoadedFields) -> Outcome:
    asked = read_texts(sent)
    owner = Owner(asked["owner_name"], asked["email"])
    return _said(service.assign(work, asked["license_key"] or "", owner))


def _assign_and_activate(work: Work, sent: LoadedFields) -> Outcome:
    asked = read_texts(sent)
    owner = Owner(asked["owner_name"], asked["owner_email"])
    license_key, identifier = asked["license_key"] or "", asked["identifier"] or ""
    return _said(service.assign_and_activate(work, license_key, identifier, owner, user_agent=user_agent()))


def _said(verdict: Verdict) -> Outcome:
    return Outcome.of(verdict.code, product_id=verdict.product_id)


def _assign_random(work: Work, sent: LoadedFields) -> Outcome:
    verdict = stock.assign_random(work, stock.read_random_assignment(sent))
    return Outcome.of(verdict.code, random_members(verdict))


def random_members(verdict: RandomVerdict) -> Mapping[str, Any]:
    """Return the members of ``response`` that come with license keys of a stock, or with too few of them."""
    if verdict.code is stock.TOO_FEW:
        return {"available_quantity": verdict.available}
    if verdict.code is stock.ALL_ASSIGNED:
        members: Mapping[str, Any] = _ASSIGNED_KEYS.dump({"license_keys": verdict.license_keys})
        return members
    return {}


ENDPOINTS = (
    Endpoint(
        name="assign-license-key",
        method="POST",
        handle=partial(in_time, _assign),
        summary="Give an available license key to its owner.",
        request_schema=lambda _: _ASSIGN,
        outcomes={NOT_AVAILABLE: Schema, ASSIGNED: Schema},
        needs=_NEEDS,
    ),
    Endpoint(
        name="assign-and-activate-license-key",
        method="POST",
        handle=partial(in_time, _assign_and_activate),
        summary="Give an available license key to its owner and activate it for an identifier, or do neither.",
        request_schema=lambda _: _ASSIGN_AND_ACTIVATE,
        outcomes={
            IDENTIFIER_REQUIRED: Schema,
            NOT_AVAILABLE: Schema,
            PRODUCT_INACTIVE: Schema,
            ALREADY_ACTIVE: Schema,
            ACTIVATED: Schema,
        },
        needs=_NEEDS,
    ),
    Endpoint(
        name="random-assign-license-keys",
        method="POST",
        handle=partial(in_time, _assign_random),
        summary="Give any available license keys of a product to an owner, or new ones, or none.",
        request_schema=lambda _: _ASSIGN_RANDOM,
        outcomes={
            stock.UNKNOWN_PRODUCT: Schema,
            GENERATOR_NOT_FOUND: Schema,
            stock.TOO_FEW: TooFewSchema,
            stock.ALL_ASSIGNED: AssignedLicenseKeysSchema,
        },
        needs=RANDOM_NEEDS,
    ),
)
