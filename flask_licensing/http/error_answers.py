"""What a failed request is answered with: one place turns every exception into the contract's form."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Response, got_request_exception
from werkzeug import exceptions as werkzeug_exceptions
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from flask_licensing.core.log_text import printable
from flask_licensing.core.state import current_state
from flask_licensing.errors import (
    AnswerableError,
    AuthenticationError,
    MalformedRequest,
    RequestTooLarge,
    StoreUnavailable,
    TooManyRequests,
    UnsupportedMediaType,
    WrongMethod,
)
from flask_licensing.http.answers import Outcome, sign_error, to_response
from flask_licensing.http.origins import request_time

if TYPE_CHECKING:
    from werkzeug.sansio.response import Response as SansIOResponse

    from flask_licensing.core.state import LicensingState

UNLISTED_CODES = 9000
"""An HTTP error without a row of its own in the contract is this plus its status (contract section 1)."""

_SENTENCES = {
    kind.code.status: kind.code.message
    for kind in (
        MalformedRequest,
        WrongMethod,
        UnsupportedMediaType,
        TooManyRequests,
        AnswerableError,
        StoreUnavailable,
    )
}
_FIRST_ERROR_STATUS = 400

_logger = logging.getLogger(__name__)


def answer_error(error: Exception) -> Response | SansIOResponse | HTTPException:
    """Return the signed answer to any exception of a request to the API.

    A redirect, and a response that host code aborted with, go through as they are.
    """
    state = current_state()
    if isinstance(error, AnswerableError):
        return _answer_known(state, error)
    if isinstance(error, HTTPException):
        return _answer_http(state, error)
    return _answer_defect(state, error)


def _answer_known(state: LicensingState, error: AnswerableError) -> Response:
    level = logging.WARNING if isinstance(error, AuthenticationError) else logging.INFO
    _logger.log(level, "a request was refused with code %d: %s", error.code.number, printable(error.message))
    code = error.code
    outcome = Outcome(
        code=code.number,
        message=error.message,
        status=code.status,
        unsigned_members={"retry_after": error.retry_after} if isinstance(error, TooManyRequests) else {},
    )
    return to_response(sign_error(state, outcome, request_time(state.clock), cause=error), error.headers)


def _answer_http(state: LicensingState, error: HTTPException) -> Response | HTTPException:
    status = error.code or AnswerableError.code.status
    if error.response is not None or status < _FIRST_ERROR_STATUS:
        return error
    if status == RequestTooLarge.code.status:
        limit = state.settings.max_content_length
        outcome = _http_outcome(status, f"The request body is larger than {limit} bytes")
    else:
        outcome = _http_outcome(status, _sentence_of(error, status))
    _logger.info("a request was refused with code %d: %s", outcome.code, printable(str(error)))
    carried = Headers((name, value) for name, value in error.get_headers() if name.lower() in _CARRIED_HEADERS)
    retry_after = carried.get("Retry-After", type=int)
    if status == TooManyRequests.code.status and retry_after is not None:
        outcome = replace(outcome, unsigned_members={"retry_after": retry_after})
    return to_response(sign_error(state, outcome, request_time(state.clock), cause=error), dict(carried))


_CARRIED_HEADERS = frozenset({"allow", "retry-after", "www-authenticate"})


def _sentence_of(error: HTTPException, status: int) -> str:
    """Return the sentence of the status, and the reason that is written in the error's class, such as CSRF's.

    The text of this error goes to the log only: it may have text from the request, which must not be signed.
    """
    sentence = _SENTENCES.get(status, error.name)
    kind = type(error)
    reason = None if kind.__module__ == werkzeug_exceptions.__name__ else vars(kind).get("description")
    return f"{sentence}: {reason}" if isinstance(reason, str) else sentence


def _http_outcome(status: int, message: str) -> Outcome:
    return Outcome(code=UNLISTED_CODES + status, message=message, status=status)


def _answer_defect(state: LicensingState, error: Exception) -> Response:
    _logger.error("a request failed", exc_info=error)
    # Error trackers listen to Flask's signal, which Flask sends only for exceptions without a handler.
    got_request_exception.send(state.app, _async_wrapper=state.app.ensure_sync, exception=error)
    return to_response(sign_error(state, Outcome.of(AnswerableError.code), request_time(state.clock), cause=error))
