"""How any endpoint answers: authentication, idempotency, work and signature in one transaction."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from flask import Request, Response, request
from werkzeug.exceptions import HTTPException

from flask_licensing.core.domain import Credentials
from flask_licensing.core.fields import load_fields
from flask_licensing.core.idempotency import IdempotentRequest
from flask_licensing.core.work import run_work
from flask_licensing.errors import AnswerableError, IncorrectData, MalformedRequest, TooManyRequests, WrongMethod
from flask_licensing.http.answers import FieldErrorsSchema, Outcome, sign_outcome, to_response
from flask_licensing.http.authentication import (
    API_KEY_FIELD,
    HEADER_WHITE_SPACE,
    api_key_field,
    bearer_token,
)
from flask_licensing.http.origins import origin_of_request, request_time
from flask_licensing.http.request import read_body, read_fields, read_query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from marshmallow import Schema

    from flask_licensing.core.domain import Caller, SignedAnswer
    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.settings import Settings
    from flask_licensing.core.state import LicensingState
    from flask_licensing.core.work import Work
    from flask_licensing.errors import Code

IDEMPOTENCY_KEY_HEADER = "Idempotency-Key"
MAX_IDEMPOTENCY_KEY_LENGTH = 255
IDEMPOTENCY_KEY_PATTERN = r"[^\x00-\x1f\x7f,]+"
"""No control characters, and no comma, with which web servers join headers that were sent more than once."""

UNKNOWN_CALLER = "unknown"
"""Where a request comes from until its caller is let in."""

_logger = logging.getLogger(__name__)


_FIELD_ERRORS = FieldErrorsSchema()


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One endpoint: its name, which is its path and the capability it asks for, its method, and what it does.

    A POST has its fields in the body, a GET in the query. ``handle`` gets its work, the caller and the fields of the
    request as ``request_schema`` reads them under these settings; a JSON body may have an array of ``longest_array``
    values. Where ``handle`` raises :class:`~flask_licensing.errors.IncorrectData`, which it does before it has changed
    anything, the answer is ``incorrect_data`` with the sentences of each field, or code 9400 where it has no such code.

    ``needs`` are the groups of methods without which a key store does not have this endpoint. ``summary`` says in a
    sentence what it does. ``outcomes`` is each of its other codes with the members of
    ``response`` that come with it.
    """

    name: str
    method: Literal["GET", "POST"]
    handle: Callable[[Work, Caller, LoadedFields], Outcome]
    summary: str
    request_schema: Callable[[Settings], Schema]
    outcomes: Mapping[Code, type[Schema]]
    incorrect_data: Code | None = None
    longest_array: Callable[[Settings], int] = lambda _: 0
    needs: tuple[type, ...] = ()

    @property
    def all_outcomes(self) -> Mapping[Code, type[Schema]]:
        """Each of its codes, with the members of ``response`` that come with it."""
        return {**self.outcomes, **({self.incorrect_data: FieldErrorsSchema} if self.incorrect_data else {})}

    def view(self, state: LicensingState) -> Response:
        """Answer the current request."""
        allowed = {"Allow": f"OPTIONS, {self.method}"}
        if request.method == "OPTIONS":
            return Response(status=204, headers=allowed)
        if request.method != self.method:
            raise WrongMethod(f"{self.name} takes {self.method}", headers=allowed)
        call = _Call(state, self, _receive(state, self, request))
        answer = run_work(
            state,
            origin_of_request(UNKNOWN_CALLER),
            call.answer,
            now=request_time(state.clock),
            retry=True,
            repeatable=call.is_repeatable,
        )
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
        return Credentials(secret, endpoint.name, request.remote_addr, request_time(state.clock))

    body = read_body(request) if endpoint.method == "POST" else None
    secret = bearer_token(request)
    try:
        if body is None:
            sent = read_query(request)
        else:
            sent = read_fields(request, body, longest_array=endpoint.longest_array(state.settings))
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

    def answer(self, work: Work) -> SignedAnswer:
        """Do the work and return the answer."""
        caller = self._state.authenticator(self._received.credentials)
        self._count(caller)
        fields = self._received.fields
        if fields is None:
            assert self._received.refusal is not None  # noqa: S101 - for mypy: one of the two is there
            raise self._received.refusal
        work = replace(work, origin=origin_of_request(caller.id))
        idempotent = self._idempotent_request(work, caller, fields)
        if idempotent and (given_before := idempotent.find_answer()):
            return given_before
        work.after_commit.append(lambda _: _record_use(self._state, caller))
        answer = sign_outcome(self._state, self._handle(work, caller, fields), work.now)
        if idempotent:
            idempotent.remember(answer, work.now)
        return answer

    def _handle(self, work: Work, caller: Caller, fields: LoadedFields) -> Outcome:
        try:
            return self._endpoint.handle(work, caller, fields)
        except IncorrectData as refused:
            code = self._endpoint.incorrect_data
            if code is None:
                raise MalformedRequest(" ".join(" ".join(of_field) for of_field in refused.errors.values())) from None
            return Outcome.of(code, _FIELD_ERRORS.dump(refused), product_id=refused.product_id)

    def _count(self, caller: Caller) -> None:
        """Count the request once, however often its transaction is done again."""
        if not self._is_counted:
            self._is_counted = True
            retry_after = self._state.request_limiter.hit(caller.id)
            if retry_after is not None:
                raise TooManyRequests(retry_after)

    def _idempotent_request(self, work: Work, caller: Caller, fields: LoadedFields) -> IdempotentRequest | None:
        key = self._received.idempotency_key
        if key is None:
            return None
        return IdempotentRequest(
            work.store, caller=caller, endpoint=self._endpoint.name, key=key, payload=fields.payload
        )


def _record_use(state: LicensingState, caller: Caller) -> None:
    """Record the use of an API key in a transaction of its own, so that no request waits or fails because of it."""
    if caller.record_use is None:
        return
    try:
        with state.key_store.transaction():
            caller.record_use()
    except Exception as error:  # noqa: BLE001 - the answer is committed, whatever goes wrong here
        _logger.info("a use was not recorded: %s", type(error).__name__)
