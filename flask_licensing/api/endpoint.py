"""How any endpoint answers: authentication, idempotency, work and signature in one transaction."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flask import Request, Response, request

from flask_licensing.api.answers import sign_outcome, to_response
from flask_licensing.api.authentication import API_KEY_FIELD, authenticate
from flask_licensing.api.request_fields import read_fields
from flask_licensing.errors import (
    IdempotencyConflict,
    MalformedRequest,
    StoreUnavailable,
    TransactionConflict,
    WrongMethod,
)
from flask_licensing.services.idempotency import IdempotentRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask_licensing.api.answers import Outcome
    from flask_licensing.domain import Caller, SignedAnswer
    from flask_licensing.state import LicensingState

TRANSACTION_ATTEMPTS = 5
"""How often the whole of a request is tried where the database ends its transaction for another."""

IDEMPOTENCY_KEY_HEADER = "Idempotency-Key"
MAX_IDEMPOTENCY_KEY_LENGTH = 255

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: its name, which is its path and the capability it asks for, its method, and what it does.

    ``handle`` gets the app's state, the caller and the fields of the request without the API key.
    """

    name: str
    method: str
    handle: Callable[[LicensingState, Caller, Mapping[str, Any]], Outcome]

    def view(self, state: LicensingState) -> Response:
        """Answer the current request."""
        allowed = {"Allow": f"OPTIONS, {self.method}"}
        if request.method == "OPTIONS":
            return Response(status=204, headers=allowed)
        if request.method != self.method:
            raise WrongMethod(f"{self.name} takes {self.method}", headers=allowed)
        call = _Call(state, self, request)
        for attempt in range(1, TRANSACTION_ATTEMPTS + 1):
            try:
                return call.answer()
            except (TransactionConflict, IdempotencyConflict) as conflict:
                _logger.info("%s: attempt %d ended in %s", self.name, attempt, type(conflict).__name__)
        raise StoreUnavailable


class _Call:
    """One request to one endpoint."""

    def __init__(self, state: LicensingState, endpoint: Endpoint, request: Request) -> None:
        self._state = state
        self._endpoint = endpoint
        self._request = request

    @cached_property
    def _fields(self) -> dict[str, Any]:
        return read_fields(self._request)

    def answer(self) -> Response:
        with self._state.key_store.transaction():
            caller = authenticate(self._state, self._request, self._endpoint.name, lambda: self._fields)
            payload = {name: value for name, value in self._fields.items() if name != API_KEY_FIELD}
            idempotent = self._idempotent_request(caller, payload)
            if idempotent and (given_before := idempotent.find_answer()):
                return to_response(given_before)
            outcome = self._endpoint.handle(self._state, caller, payload)
            answer = self._sign_and_remember(outcome, idempotent)
        if outcome.after_commit:
            outcome.after_commit()
        return to_response(answer)

    def _idempotent_request(self, caller: Caller, payload: Mapping[str, Any]) -> IdempotentRequest | None:
        key = self._request.headers.get(IDEMPOTENCY_KEY_HEADER, "").strip()
        if not key:
            return None
        if len(key) > MAX_IDEMPOTENCY_KEY_LENGTH:
            raise MalformedRequest(
                f"{IDEMPOTENCY_KEY_HEADER} must not be longer than {MAX_IDEMPOTENCY_KEY_LENGTH} characters"
            )
        return IdempotentRequest(
            self._state.key_store, caller=caller, endpoint=self._endpoint.name, key=key, sent_fields=payload
        )

    def _sign_and_remember(self, outcome: Outcome, idempotent: IdempotentRequest | None) -> SignedAnswer:
        now = self._state.clock()
        answer = sign_outcome(self._state, outcome, now)
        if idempotent:
            idempotent.remember(answer, now)
        return answer
