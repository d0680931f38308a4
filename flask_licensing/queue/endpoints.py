"""``random-assign-license-keys-queued`` (contract sections 5 and 8)."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from marshmallow import Schema

from flask_licensing.assignment.endpoints import TooFewSchema, in_time
from flask_licensing.assignment.stock import TOO_FEW, UNKNOWN_PRODUCT, read_random_assignment
from flask_licensing.assignment.store import StockStore
from flask_licensing.generators.service import GENERATOR_NOT_FOUND
from flask_licensing.http.answers import Outcome
from flask_licensing.http.endpoint import Endpoint
from flask_licensing.license_keys.store import LicenseKeySearchStore
from flask_licensing.products.store import ProductStore
from flask_licensing.queue.fields import QueuedAssignmentSchema
from flask_licensing.queue.service import QUEUED, enqueue
from flask_licensing.queue.store import QueueStore

if TYPE_CHECKING:
    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.networks import IpNetwork
    from flask_licensing.core.work import Work


def _enqueue(work: Work, sent: LoadedFields) -> Outcome:
    wanted = read_random_assignment(sent)
    asked = sent.readable if sent.errors else sent.value
    verdict = enqueue(work, wanted, webhook_url=asked["webhook_url"], identifier=asked["identifier"])
    return Outcome.of(verdict.code, {"available_quantity": verdict.available} if verdict.code is TOO_FEW else {})


@cache
def _schema(allowed: tuple[IpNetwork, ...]) -> QueuedAssignmentSchema:
    return QueuedAssignmentSchema(allowed)


ENDPOINTS = (
    Endpoint(
        name="random-assign-license-keys-queued",
        method="POST",
        handle=partial(in_time, _enqueue),
        summary="As random-assign-license-keys, later: the answer is delivered to a webhook.",
        request_schema=lambda settings: _schema(settings.webhook_allowed_networks),
        outcomes={UNKNOWN_PRODUCT: Schema, GENERATOR_NOT_FOUND: Schema, TOO_FEW: TooFewSchema, QUEUED: Schema},
        needs=(ProductStore, StockStore, LicenseKeySearchStore, QueueStore),
    ),
)
