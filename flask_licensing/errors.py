"""The exceptions of the package. Those that reach a client know their code, HTTP status and sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.codes import Code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

RETRY_AFTER_SECONDS = 5
"""Seconds after which a client may retry, as the header ``Retry-After`` says."""


class LicensingError(Exception):
    """Base of every exception this package raises."""


class ConfigurationError(LicensingError):
    """The extension is set up wrongly; the message says the fix."""


class PrivateKeyError(LicensingError):
    """A private key can't be read or isn't one this package signs with; the message says what was found and where."""


class SigningError(LicensingError):
    """An answer could not be signed; nothing was created."""


class RemoteSignerError(LicensingError):
    """A remote signer answered with something that is no signature."""


class RemoteSignerTimeout(RemoteSignerError):
    """A remote signer did not answer in time, or was not asked because too many calls of it never ended."""


class PrivateKeyDidNotSign(SigningError):
    """A private key was asked to sign and did not; ``signer`` is which, ``timed_out`` whether it took too long."""

    def __init__(self, signer: object, cause: Exception) -> None:
        reason = f": {cause}" if isinstance(cause, LicensingError) else ""
        super().__init__(f"the private key did not sign: {type(cause).__name__}{reason}")
        self.signer = signer
        self.timed_out = isinstance(cause, RemoteSignerTimeout)


class IdempotencyConflict(LicensingError):
    """A key store was asked for a second record of one idempotency key: two requests ran at once."""


class FileError(LicensingError):
    """A file of license keys can't be read or written at all; the message says why."""


class TransactionConflict(LicensingError):
    """The database ended a transaction in favour of another (deadlock, lock wait); the whole may be retried."""


class ConstraintViolation(LicensingError):
    """A constraint of the database refused a row, as where another transaction stored or deleted one meanwhile."""


class AnswerableError(LicensingError):
    """An error with an answer in the contract's form.

    ``message`` replaces the sentence of ``code`` where the error knows more; ``headers`` go into the HTTP answer.
    """

    code: Code = Code.INTERNAL_ERROR

    def __init__(self, message: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        self.message = message or self.code.message
        self.headers = dict(headers or {})
        super().__init__(self.message)


class AuthenticationError(AnswerableError):
    """Base of the refusals of contract section 2: what an authenticator raises."""

    code = Code.INVALID_API_KEY


class InvalidApiKey(AuthenticationError):
    """There is no such API key, or none was sent (code 100)."""

    code = Code.INVALID_API_KEY


class InactiveApiKey(AuthenticationError):
    """The API key was revoked or has expired (code 101)."""

    code = Code.INACTIVE_API_KEY


class MissingCapability(AuthenticationError):
    """The API key may not call this endpoint (code 102)."""

    code = Code.MISSING_CAPABILITY


class AddressNotAllowed(AuthenticationError):
    """The API key may not be used from this address (code 103)."""

    code = Code.ADDRESS_NOT_ALLOWED


class AccessDenied(AuthenticationError):
    """The caller's address or identifier is blocked (code 150)."""

    code = Code.ACCESS_DENIED


class IncorrectData(AnswerableError):
    """Fields of a request are wrong (code 901).

    ``errors`` maps each field to its sentences; ``product_id`` is the existing product the request named, if it did.
    """

    code = Code.INCORRECT_DATA

    def __init__(self, errors: Mapping[str, Sequence[str]], *, product_id: int | None = None) -> None:
        super().__init__()
        self.errors = {name: list(sentences) for name, sentences in errors.items()}
        self.product_id = product_id

    def __str__(self) -> str:
        sentences = " ".join(sentence for of_field in self.errors.values() for sentence in of_field)
        return f"{self.message}: {sentences}"


class MalformedRequest(AnswerableError):
    """The request can't be read at all (code 9400)."""

    code = Code.MALFORMED_REQUEST


class WrongMethod(AnswerableError):
    """The endpoint exists and takes another method (code 9405)."""

    code = Code.WRONG_METHOD


class IdempotencyKeyReused(AnswerableError):
    """An ``Idempotency-Key`` came back with another payload (code 9409)."""

    code = Code.IDEMPOTENCY_KEY_REUSED


class RequestTooLarge(AnswerableError):
    """The body, or the number of license keys in it, is over the limit (code 9413)."""

    code = Code.REQUEST_TOO_LARGE


class UnsupportedMediaType(AnswerableError):
    """The body is of a type the API does not take (code 9415)."""

    code = Code.UNSUPPORTED_MEDIA_TYPE


class TooManyRequests(AnswerableError):
    """The caller, or its address, did something too often (code 9429); ``retry_after`` seconds later it may again."""

    code = Code.TOO_MANY_REQUESTS

    def __init__(self, retry_after: int) -> None:
        super().__init__(headers={"Retry-After": str(retry_after)})
        self.retry_after = retry_after


class StoreUnavailable(AnswerableError):
    """The key store can't be reached or is busy; trying again may help (code 9503)."""

    code = Code.STORE_UNAVAILABLE

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


class ConnectionLost(StoreUnavailable):
    """The connection to the database broke before the commit: nothing is stored, and the whole may be retried."""


class CommitOutcomeUnknown(StoreUnavailable):
    """The connection to the database broke during the commit: all of the transaction is stored, or nothing."""

    def __init__(self) -> None:
        super().__init__(
            "The key store became unavailable during the commit: the request had its whole effect, or none. Try again"
        )


class PublicKeyError(LicensingError, ValueError):
    """What was given as a public key is not an RSA public key of at least 2048 bits, as PEM or JWKS.

    Nothing is said about the answer.
    """


class VerificationError(LicensingError):
    """An answer is not to be trusted; ``envelope`` is what was received, as far as it could be read."""

    def __init__(self, message: str, envelope: object) -> None:
        super().__init__(message)
        self.envelope = envelope


class MalformedEnvelope(VerificationError):
    """The answer is not the JSON object of the contract, or a member is missing or of the wrong type."""


class MissingSignature(VerificationError):
    """The answer carries no signature: the member is missing or empty, or no private key was set where it was made."""


class BadSignature(VerificationError):
    """The signature belongs to another text or another key; ``signature`` and ``response_base64`` are the evidence."""

    def __init__(self, message: str, envelope: Mapping[str, Any]) -> None:
        super().__init__(message, envelope)
        self.signature: str = envelope["signature"]
        self.response_base64: str = envelope["response_base64"]


class PayloadMismatch(VerificationError):
    """``response`` is not what was signed; ``response`` and ``signed_response`` are the evidence."""

    def __init__(self, message: str, envelope: Mapping[str, Any], signed_response: object) -> None:
        super().__init__(message, envelope)
        self.response = envelope["response"]
        self.signed_response = signed_response


class UntimelyResponse(VerificationError):
    """The answer was signed longer ago than allowed, or at a time yet to come; ``timestamp`` is that time."""

    def __init__(self, message: str, envelope: Mapping[str, Any], timestamp: int) -> None:
        super().__init__(message, envelope)
        self.timestamp = timestamp
