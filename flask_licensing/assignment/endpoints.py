"""``assign-license-key`` and ``assign-and-activate-license-key`` (contract section 5)."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from flask import request
from marshmallow import Schema

from flask_licensing.activations.endpoints import user_agent
from flask_licensing.activations.fields import read_texts
from flask_licensing.activations.service import ACTIVATED, ALREADY_ACTIVE, IDENTIFIER_REQUIRED, PRODUCT_INACTIVE
from flask_licensing.activations.store import ActivationStore
from flask_licensing.assignment import service
from flask_licensing.assignment.fields import AssignLicenseKeySchema, AssignmentSchema
from flask_licensing.assignment.service import ASSIGNED, NOT_AVAILABLE, Owner
from flask_licensing.core.store import LockWaitStore, has_group
from flask_licensing.errors import StoreUnavailable
from flask_licensing.http.answers import Outcome
from flask_licensing.http.endpoint import Endpoint
from flask_licensing.license_keys.store import LicenseKeyChangeStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_licensing.activations.service import Verdict
    from flask_licensing.core.domain import Caller
    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.work import Work

LONGEST_SECONDS = 4.0
"""How long after the beginning of a request an assignment may be committed: some clients give up after 5 seconds and
ask again, for another license key."""

_NEEDS = (ActivationStore, LicenseKeyChangeStore)
_ENDS = "flask_licensing.assignment_ends"
_ASSIGN = AssignLicenseKeySchema()
_ASSIGN_AND_ACTIVATE = AssignmentSchema()


def _in_time(assign: Callable[[Work, LoadedFields], Verdict], work: Work, _: Caller, sent: LoadedFields) -> Outcome:
    """Assign, and roll back what takes too long, all attempts of the request together."""
    ends = request.environ.setdefault(_ENDS, monotonic() + LONGEST_SECONDS)
    if (left := ends - monotonic()) <= 0:
        raise StoreUnavailable
    store = work.store
    with store.waiting_at_most(left) if has_group(store, LockWaitStore) else nullcontext():
        verdict = assign(work, sent)
    if monotonic() > ends:
        raise StoreUnavailable
    return Outcome.of(verdict.code, product_id=verdict.product_id)


def _assign(work: Work, sent: LoadedFields) -> Verdict:
    asked = read_texts(sent)
    return service.assign(work, asked["license_key"] or "", Owner(asked["owner_name"], asked["email"]))


def _assign_and_activate(work: Work, sent: LoadedFields) -> Verdict:
    asked = read_texts(sent)
    owner = Owner(asked["owner_name"], asked["owner_email"])
    return service.assign_and_activate(
        work, asked["license_key"] or "", asked["identifier"] or "", owner, user_agent=user_agent()
    )


ENDPOINTS = (
    Endpoint(
        name="assign-license-key",
        method="POST",
        handle=partial(_in_time, _assign),
        summary="Give an available license key to its owner.",
        request_schema=lambda _: _ASSIGN,
        outcomes={NOT_AVAILABLE: Schema, ASSIGNED: Schema},
        needs=_NEEDS,
    ),
    Endpoint(
        name="assign-and-activate-license-key",
        method="POST",
        handle=partial(_in_time, _assign_and_activate),
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
)
