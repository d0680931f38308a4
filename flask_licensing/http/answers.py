"""From an outcome to the signed bytes of an answer (contract section 1)."""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING

from flask import Response
from marshmallow import Schema, fields

from flask_licensing.core.domain import SignedAnswer
from flask_licensing.core.signatures import private_key_for, signature_of
from flask_licensing.core.wire import NO_PRIVATE_KEY_SIGNATURE, JsonValue, base64_of, encode_payload, envelope
from flask_licensing.errors import LicensingError, PrivateKeyDidNotSign, SigningError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from flask_licensing.core.state import LicensingState
    from flask_licensing.errors import Code

KEY_ID_HEADER = "Licensing-Key-Id"
"""The header that names the key that signed the answer, where its id is known."""

_logger = logging.getLogger(__name__)


class FieldErrorsSchema(Schema):
    """What is wrong with the fields of a request, of any endpoint."""

    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        required=True,
        metadata={"description": "Each field with its sentences."},
    )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a request: the members of ``response``, the HTTP status, and the product whose key signs.

    ``unsigned_members`` stand beside ``response``.
    """

    code: int
    message: str
    status: int
    fields: Mapping[str, JsonValue] = field(default_factory=dict)
    product_id: int | None = None
    unsigned_members: Mapping[str, JsonValue] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        code: Code,
        fields: Mapping[str, JsonValue] | None = None,
        *,
        product_id: int | None = None,
    ) -> Outcome:
        """Return an outcome with the sentence and status of its code; ``product_id`` is the product it is about."""
        return cls(
            code=code.number,
            message=code.message,
            status=code.status,
            fields=fields or {},
            product_id=product_id if code.signed_for_product else None,
        )


def sign_outcome(
    state: LicensingState, outcome: Outcome, now: datetime, *, after: PrivateKeyDidNotSign | None = None
) -> SignedAnswer:
    """Return the answer, signed with the product's key or else the global one.

    Where no key is configured, the contract's unsigned form is returned and the log says so. ``after`` is an earlier
    failure in this request.

    Raises:
        SigningError: there is a key, and it did not sign.

    """
    payload = _payload(outcome, now)
    encoded = base64_of(payload)
    found = private_key_for(state, outcome.product_id)
    if found is None:
        _logger.warning("an answer was sent unsigned: no private key is set")
        return _unsigned(payload, encoded, outcome)
    key, private_key_used = found
    # Another attempt in the same request would fail or wait again: one client waits one time limit.
    if after is not None and (key.signer is after.signer or (after.timed_out and key.is_remote)):
        raise SigningError("a private key that failed in this request is not asked again")
    encoded_signature = base64.b64encode(signature_of(encoded, key)).decode("ascii")
    body = envelope(payload, encoded, private_key_used, encoded_signature, outcome.unsigned_members)
    return SignedAnswer(body, outcome.status, key.key_id)


def sign_error(state: LicensingState, outcome: Outcome, now: datetime, *, cause: Exception) -> SignedAnswer:
    """Return the answer to a failed request: signed, or in the contract's unsigned form where even that fails."""
    try:
        return sign_outcome(state, outcome, now, after=cause if isinstance(cause, PrivateKeyDidNotSign) else None)
    except LicensingError:
        _logger.exception("an error was sent unsigned")
        payload = _payload(outcome, now)
        return _unsigned(payload, base64_of(payload), outcome)


def to_response(answer: SignedAnswer, headers: Mapping[str, str] | None = None) -> Response:
    """Return the HTTP response that carries an answer."""
    response = Response(answer.body, answer.status, mimetype="application/json", headers=headers)
    response.headers["Cache-Control"] = "no-store"
    if answer.signing_key_id is not None:
        response.headers[KEY_ID_HEADER] = answer.signing_key_id
    return response


def _payload(outcome: Outcome, now: datetime) -> str:
    timestamp = int(now.replace(tzinfo=UTC).timestamp())
    return encode_payload({"code": outcome.code, "message": outcome.message, **outcome.fields, "timestamp": timestamp})


def _unsigned(payload: str, encoded: str, outcome: Outcome) -> SignedAnswer:
    body = envelope(payload, encoded, "global", NO_PRIVATE_KEY_SIGNATURE, outcome.unsigned_members)
    return SignedAnswer(body, outcome.status)
