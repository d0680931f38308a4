"""Checking signed answers (contract section 1)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast, get_args

from cryptography.exceptions import InvalidSignature

from flask_licensing.core.public_keys import verify_signature
from flask_licensing.core.wire import NO_PRIVATE_KEY_SIGNATURE, PrivateKeyUsed
from flask_licensing.errors import (
    BadSignature,
    CrossedResponse,
    MalformedEnvelope,
    MissingSignature,
    PayloadMismatch,
    RecordedResponse,
    UntimelyResponse,
    VerificationError,
)
from flask_licensing.verification.public_keys import public_keys_from
from flask_licensing.verification.strict_json import read_strict_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from flask_licensing.verification.public_keys import PublicKeys

Envelope: TypeAlias = "str | bytes | Mapping[str, Any]"
"""The body of an answer, as received or already read as JSON."""

MAX_CLOCK_SKEW_SECONDS = 60
"""How many seconds the ``timestamp`` of an answer may be ahead of this computer's clock where ``max_age`` is given."""


@dataclass(frozen=True)
class VerifiedResponse:
    """What was signed: the decoded ``response``; beside it what the answer says about itself.

    ``private_key_used`` is ``"product"`` or ``"global"``. The contract leaves it outside what is signed: whoever
    changes an answer on its way may change it too.
    """

    response: dict[str, Any]
    private_key_used: PrivateKeyUsed


def verify_response(
    envelope: Envelope,
    public_key: PublicKeys,
    *,
    max_age: float | None = None,
    nonce: str | None = None,
    license_key: str | None = None,
    identifier: str | None = None,
) -> VerifiedResponse:
    """Return what was signed, if the signature and everything about it holds.

    Args:
        envelope: the body of an answer, as text, bytes or a mapping.
        public_key: the public key, or several of which one has to fit, as during a rotation: as PEM, as the JWKS that
            the API publishes, or loaded. Loading takes longer than verifying; load once what is used often.
        max_age: how many seconds ago the answer may have been signed, by this computer's clock; its time may also be
            up to :data:`MAX_CLOCK_SKEW_SECONDS` ahead. By default any time will do.
        nonce: what the request sent as ``nonce``: the answer has to repeat it. By default it is not looked at, and the
            answer may be one that was recorded; so it is with the next two.
        license_key: the license key that the answer has to be about.
        identifier: the identifier that the answer has to be about.

    Raises:
        MalformedEnvelope: the answer is not in the contract's form, or holds a number that is not finite or not within
            64 bits; or ``max_age`` is given and there is no ``timestamp``.
        MissingSignature: it is unsigned.
        BadSignature: the signature does not fit the payload and any of the keys.
        PayloadMismatch: ``response`` differs from what was signed.
        RecordedResponse: it has another nonce, or none.
        CrossedResponse: it is about another license key or identifier, or does not say about which.
        UntimelyResponse: it was signed more than ``max_age`` seconds ago, or at a time yet to come.
        PublicKeyError: a public key can't be read, or has less than 2048 bits.

    """
    public_keys = public_keys_from(public_key)
    members = _read_envelope(envelope)
    signed_text = members["response_base64"]
    if not any(_fits(members, key) for key in public_keys):
        raise BadSignature("The signature does not fit.", members)
    signed_response = _decode_payload(signed_text, members)
    if not _are_equal(signed_response, members["response"]):
        raise PayloadMismatch("The response differs from what was signed.", members, signed_response)
    _require_question(signed_response, members, nonce=nonce, license_key=license_key, identifier=identifier)
    if max_age is not None:
        _require_age(signed_response, max_age, members)
    return VerifiedResponse(signed_response, members["private_key_used"])


def is_valid_response(
    envelope: Envelope,
    public_key: PublicKeys,
    *,
    max_age: float | None = None,
    nonce: str | None = None,
    license_key: str | None = None,
    identifier: str | None = None,
) -> bool:
    """Whether :func:`verify_response` would return; raises :class:`PublicKeyError` as it does."""
    try:
        verify_response(
            envelope, public_key, max_age=max_age, nonce=nonce, license_key=license_key, identifier=identifier
        )
    except VerificationError:
        return False
    return True


def _require_question(response: Mapping[str, Any], members: Mapping[str, Any], **asked: str | None) -> None:
    """Refuse an answer that does not repeat what was asked, which the API reads without white space around it."""
    for name, sent in asked.items():
        if sent is None or response.get(name) == sent.strip():
            continue
        if name == "nonce":
            raise RecordedResponse("The answer has another nonce, or none: it may have been recorded.", members)
        raise CrossedResponse(f"The answer is not about the {name.replace('_', ' ')} that was asked about.", members)


def _read_envelope(envelope: Envelope) -> Mapping[str, Any]:
    members = _parse(envelope, envelope) if isinstance(envelope, str | bytes) else envelope
    if not isinstance(members, Mapping):
        raise MalformedEnvelope("The answer is not a JSON object.", envelope)
    if not members.get("signature"):
        raise MissingSignature("The answer has no signature.", envelope)
    for name, kind in (("response", Mapping), ("response_base64", str), ("private_key_used", str), ("signature", str)):
        if not isinstance(members.get(name), kind):
            raise MalformedEnvelope(f"The member {name} is missing or of the wrong type.", envelope)
    if members["private_key_used"] not in get_args(PrivateKeyUsed):
        raise MalformedEnvelope("The member private_key_used is neither product nor global.", envelope)
    if members["signature"] == NO_PRIVATE_KEY_SIGNATURE:
        raise MissingSignature("The answer is unsigned: no private key was set.", envelope)
    return members


def _fits(members: Mapping[str, Any], public_key: RSAPublicKey) -> bool:
    try:
        signature = base64.b64decode(members["signature"], validate=True)
        signed_bytes = members["response_base64"].encode("ascii")
        verify_signature(public_key, signature, signed_bytes)
    except (ValueError, InvalidSignature):
        return False
    # Several texts decode to the same signature; one of them is base64 as RFC 4648 section 3.5 wants it.
    canonical = base64.b64encode(signature).decode("ascii")
    return bool(canonical == members["signature"])


def _decode_payload(signed_text: str, members: Mapping[str, Any]) -> dict[str, Any]:
    try:
        payload = base64.b64decode(signed_text, validate=True)
    except ValueError:
        raise MalformedEnvelope("The signed text is not base64.", members) from None
    decoded = _parse(payload, members)
    if not isinstance(decoded, dict):
        raise MalformedEnvelope("The signed text is not a JSON object.", members)
    return cast("dict[str, Any]", decoded)


def _require_age(signed_response: Mapping[str, Any], max_age: float, members: Mapping[str, Any]) -> None:
    timestamp = signed_response.get("timestamp")
    if not isinstance(timestamp, int) or isinstance(timestamp, bool):
        raise MalformedEnvelope("The signed response has no timestamp.", members)
    age = time.time() - timestamp
    if not -MAX_CLOCK_SKEW_SECONDS <= age <= max_age:
        when = f"{age:.0f} seconds ago" if age > 0 else f"{-age:.0f} seconds from now"
        raise UntimelyResponse(f"The answer was signed {when}.", members, timestamp)


def _parse(document: str | bytes, evidence: object) -> object:
    try:
        return read_strict_json(document)
    except ValueError:
        message = "This is not JSON, has a member twice, or a number that is too large."
        raise MalformedEnvelope(message, evidence) from None


def _are_equal(document: object, other: object) -> bool:
    """Compare as JSON, in which 1, 1.0 and true differ; Python's own comparison takes them for equal."""
    try:
        return json.dumps(document, sort_keys=True) == json.dumps(other, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return False
