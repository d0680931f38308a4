"""How any endpoint answers: authentication, idempotency, work and signature in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flask import Request, Response, request

from flask_licensing.api.answers import sign_outcome, to_response
from flask_licensing.api.authentication import API_KEY_FIELD, HEADER_WHITE_SPACE, authenticate
from flask_licensing.api.request_fields import read_body, read_fields
from flask_licensing.errors import MalformedRequest, WrongMethod
from flask_licensing.services.idempotency import IdempotentRequest
from flask_licensing.services.rate_limits import limit_request
from flask_licensing.services.transactions import run_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from marshmallow import Schema

    from flask_licensing.api.answers import Outcome
    from flask_licensing.codes import Code
    from flask_licensing.config import Settings
    from flask_licensing.domain import Caller, SignedAnswer
    from flask_licensing.state import LicensingState

IDEMPOTENCY_KEY_HEADER = "Idempotency-Key"
MAX_IDEMPOTENCY_KEY_LENGTH = 255


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: its name, which is its path and the capability it asks for, its method, and what it does.

    ``handle`` gets the app's state, the caller and the fields of the request without the API key. The others describe
    it: ``summary`` in a sentence, ``request_schema`` its fields under these settings, ``outcomes`` each of its codes
    with the members of ``response`` that come with it.
    """

    name: str
    method: str
    handle: Callable[[LicensingState, Caller, Mapping[str, Any]], Outcome]
    summary: str
    request_schema: Callable[[Settings], Schema]
    outcomes: Mapping[Code, type[Schema]]

    def view(self, state: LicensingState) -> Response:
        """Answer the current request."""
        allowed = {"Allow": f"OPTIONS, {self.method}"}
        if request.method == "OPTIONS":
            return Response(status=204, headers=allowed)
        if request.method != self.method:
            raise WrongMethod(f"{self.name} takes {self.method}", headers=allowed)
        # The body is read before the transaction begins: a slow client would keep a connection and locks waiting.
        read_body(request)
        call = _Call(state, self, request)
        answer, after_commit = run_transaction(
            state.key_store,
            call.answer,
            retry_seconds=state.settings.transaction_retry_seconds,
            repeatable=call.is_idempotent,
        )
        if after_commit:
            after_commit()
        return to_response(answer)


class _Call:
    """One request to one endpoint."""

    def __init__(self, state: LicensingState, endpoint: Endpoint, request: Request) -> None:
        self._state = state
        self._endpoint = endpoint
        self._request = request
        self._is_counted = False

    @property
    def is_idempotent(self) -> bool:
        """Whether doing it twice has one effect and one answer."""
        return bool(self._idempotency_key)

    def answer(self) -> tuple[SignedAnswer, Callable[[], None] | None]:
        """Do the work, inside a transaction; return the answer and what is to be called after the commit."""
        caller = authenticate(self._state, self._request, self._endpoint.name, lambda: self._fields)
        self._count(caller)
        payload = {name: value for name, value in self._fields.items() if name != API_KEY_FIELD}
        idempotent = self._idempotent_request(caller, payload)
        if idempotent and (given_before := idempotent.find_answer()):
            return given_before, None
        outcome = self._endpoint.handle(self._state, caller, payload)
        return self._sign_and_remember(outcome, idempotent), outcome.after_commit

    def _count(self, caller: Caller) -> None:
        """Count the request once, however often its transaction is done again."""
        if not self._is_counted:
            self._is_counted = True
            limit_request(self._state.request_limiter, caller)

    @cached_property
    def _fields(self) -> dict[str, Any]:
        return read_fields(self._request, longest_array=self._state.settings.max_keys_per_request)

    @cached_property
    def _idempotency_key(self) -> str:
        return self._request.headers.get(IDEMPOTENCY_KEY_HEADER, "").strip(HEADER_WHITE_SPACE)

    def _idempotent_request(self, caller: Caller, payload: Mapping[str, Any]) -> IdempotentRequest | None:
        key = self._idempotency_key
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
