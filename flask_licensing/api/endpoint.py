"""How any endpoint answers: authentication, idempotency, work and signature in one transaction."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Request, Response, request
from werkzeug.exceptions import HTTPException

from flask_licensing.api.answers import sign_outcome, to_response
from flask_licensing.api.authentication import (
    API_KEY_FIELD,
    HEADER_WHITE_SPACE,
    api_key_field,
    api_key_outside_body,
)
from flask_licensing.api.request import read_body, read_fields
from flask_licensing.domain import Credentials
from flask_licensing.errors import AnswerableError, MalformedRequest, WrongMethod
from flask_licensing.schemas import load_fields
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
    from flask_licensing.schemas import LoadedFields
    from flask_licensing.state import LicensingState

IDEMPOTENCY_KEY_HEADER = "Idempotency-Key"
MAX_IDEMPOTENCY_KEY_LENGTH = 255
IDEMPOTENCY_KEY_PATTERN = r"[^\x00-\x1f\x7f,]+"
"""No control characters, and no comma, with which web servers join headers that were sent more than once."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: its name, which is its path and the capability it asks for, its method, and what it does.

    ``handle`` gets the app's state, the caller and the fields of the request as ``request_schema`` reads them under
    these settings. The others describe it: ``summary`` in a sentence, ``outcomes`` each of its codes with the members
    of ``response`` that come with it.
    """

    name: str
    method: str
    handle: Callable[[LicensingState, Caller, LoadedFields], Outcome]
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
        call = _Call(state, self, _receive(state, self, request))
        answer, after_commit = run_transaction(
            state.key_store,
            call.answer,
            retry_seconds=state.settings.transaction_retry_seconds,
            repeatable=call.is_repeatable,
        )
        after_commit()
        return to_response(answer)


@dataclass(frozen=True)
class _Received:
    """What a request says.

    ``refusal`` is what is wrong with it as a whole, raised once the caller is let in; without one there are ``fields``.
    """

    credentials: Credentials
    fields: LoadedFields | None = None
    idempotency_key: str | None = None
    refusal: Exception | None = None


def _receive(state: LicensingState, endpoint: Endpoint, request: Request) -> _Received:
    """Read a request, before the transaction begins: a slow client or a large body keeps no connection and no lock.

    Raises:
        AnswerableError: the body can't be read, and with it the API key, which nothing else has.
        HTTPException: likewise.

    """

    def credentials(secret: str | None) -> Credentials:
        return Credentials(secret, endpoint.name, request.remote_addr)

    body = read_body(request)
    secret = api_key_outside_body(request)
    try:
        sent = read_fields(request, body, longest_array=state.settings.max_keys_per_request)
    except (AnswerableError, HTTPException) as refusal:
        if not secret:
            raise
        return _Received(credentials(secret), refusal=refusal)
    known = credentials(secret or api_key_field(sent))
    payload = {name: value for name, value in sent.items() if name != API_KEY_FIELD}
    try:
        idempotency_key = _idempotency_key(request)
        fields = load_fields(endpoint.request_schema(state.settings), payload)
    except AnswerableError as refusal:
        return _Received(known, refusal=refusal)
    return _Received(known, fields, idempotency_key)


def _idempotency_key(request: Request) -> str | None:
    sent = request.headers.get(IDEMPOTENCY_KEY_HEADER)
    if sent is None:
        return None
    key = sent.strip(HEADER_WHITE_SPACE)
    if len(key) > MAX_IDEMPOTENCY_KEY_LENGTH:
        raise MalformedRequest(
            f"{IDEMPOTENCY_KEY_HEADER} must not be longer than {MAX_IDEMPOTENCY_KEY_LENGTH} characters"
        )
    if not re.fullmatch(IDEMPOTENCY_KEY_PATTERN, key):
        raise MalformedRequest(
            f"{IDEMPOTENCY_KEY_HEADER} must be sent once, and not be empty or have commas or control characters"
        )
    return key


class _Call:
    """One request to one endpoint."""

    def __init__(self, state: LicensingState, endpoint: Endpoint, received: _Received) -> None:
        self._state = state
        self._endpoint = endpoint
        self._received = received
        self._is_counted = False

    @property
    def is_repeatable(self) -> bool:
        """Whether doing it twice has one effect and one answer."""
        return self._received.idempotency_key is not None

    def answer(self) -> tuple[SignedAnswer, Callable[[], None]]:
        """Do the work, inside a transaction; return the answer and what is to be called after the commit."""
        caller = self._state.authenticator(self._received.credentials)
        self._count(caller)
        fields = self._received.fields
        if fields is None:
            assert self._received.refusal is not None  # noqa: S101 - for mypy: one of the two is there
            raise self._received.refusal
        idempotent = self._idempotent_request(caller, fields)
        if idempotent and (given_before := idempotent.find_answer()):
            return given_before, lambda: None
        outcome = self._endpoint.handle(self._state, caller, fields)
        answer = self._sign_and_remember(outcome, idempotent)

        def after_commit() -> None:
            _record_use(self._state, caller)
            if outcome.after_commit:
                outcome.after_commit()

        return answer, after_commit

    def _count(self, caller: Caller) -> None:
        """Count the request once, however often its transaction is done again."""
        if not self._is_counted:
            self._is_counted = True
            limit_request(self._state.request_limiter, caller)

    def _idempotent_request(self, caller: Caller, fields: LoadedFields) -> IdempotentRequest | None:
        key = self._received.idempotency_key
        if key is None:
            return None
        return IdempotentRequest(
            self._state.key_store, caller=caller, endpoint=self._endpoint.name, key=key, payload=fields.payload
        )

    def _sign_and_remember(self, outcome: Outcome, idempotent: IdempotentRequest | None) -> SignedAnswer:
        now = self._state.clock()
        answer = sign_outcome(self._state, outcome, now)
        if idempotent:
            idempotent.remember(answer, now)
        return answer


def _record_use(state: LicensingState, caller: Caller) -> None:
    """Record that a caller was let in, in a transaction of its own: nobody waits, and no answer fails, for that."""
    if caller.record_use is None:
        return
    try:
        with state.key_store.transaction():
            caller.record_use()
    except Exception as error:  # noqa: BLE001 - the answer is committed, whatever goes wrong here
        _logger.info("a use was not recorded: %s", type(error).__name__)
