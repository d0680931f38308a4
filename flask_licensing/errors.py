"""The exceptions of the package. Those that reach a client know their code, HTTP status and sentence.

Codes that only some endpoint answers with stand beside what it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

RETRY_AFTER_SECONDS = 5
"""Seconds after which a client may retry, as the header ``Retry-After`` says."""


@dataclass(frozen=True, eq=False)
class Code:
    """An outcome of the API, compared by identity: codes of two endpoints are two, whatever is in them.

    ``number`` goes into ``response.code``, ``message`` beside it; ``status`` is the HTTP status. The private key of the
    product that an answer is about signs it where ``signed_for_product`` is true, else the global one (contract
    section 7).
    """

    number: int
    message: str
    status: int = 200
    signed_for_product: bool = False


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


class TooManyValues(ValueError):
    """A JSON document has more values than its reader takes."""


class IdempotencyConflict(LicensingError):
    """A key store was asked for a second record of one idempotency key: two requests ran at once."""


class UnknownLicenseKey(LicensingError):
    """Host code or a command named a license key that does not exist."""

    def __init__(self) -> None:
        super().__init__("There is no such license key.")


class UnknownGenerator(LicensingError):
    """Host code or a command named a generator of license keys that does not exist, or is not active."""

    def __init__(self) -> None:
        super().__init__("There is no such generator, or it is not active.")


class UnknownOrder(LicensingError):
    """Host code or a command named an order for which nothing was sold."""

    def __init__(self) -> None:
        super().__init__("Nothing was sold for this order.")


class InactiveProduct(LicensingError):
    """License keys of a product that is not active were to be sold; nothing was."""

    def __init__(self, product_id: int) -> None:
        super().__init__(f"Product {product_id} is not active: no license key of it was sold.")


class InsufficientLicenseKeys(LicensingError):
    """Fewer license keys are ``available`` to be sold than are ``wanted``, and the product has no generator."""

    def __init__(self, product_id: int, *, wanted: int, available: int) -> None:
        super().__init__(
            f"{wanted} license keys of product {product_id} were to be sold and {available} are available:"
            " create some, or make a generator for the product."
        )
        self.wanted = wanted
        self.available = available


class OtherQuantity(LicensingError):
    """An order for which ``sold`` license keys of a product were sold came again with ``wanted``."""

    def __init__(self, *, sold: int, wanted: int) -> None:
        super().__init__(f"{sold} license keys of this product were sold for this order before, and not {wanted}.")
        self.sold = sold
        self.wanted = wanted


class MistypedLicenseKey(LicensingError, ValueError):
    """What was typed is no license key that a ``readable`` generator made; the message says what is wrong."""


class WebhookRefused(LicensingError):
    """A webhook is not delivered to where it leads; the message says why."""


class UnknownJob(LicensingError):
    """Host code or a command named a job of the queue that does not exist."""

    def __init__(self) -> None:
        super().__init__("There is no such job.")


class JobNotRepeatable(LicensingError):
    """A job of the queue was delivered, or is being sent, and can't be delivered again; the message says which."""


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

    code: Code = Code(9500, "Internal error", 500)

    def __init__(self, message: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        self.message = message or self.code.message
        self.headers = dict(headers or {})
        super().__init__(self.message)


class AuthenticationError(AnswerableError):
    """Base of the refusals of contract section 2: what an authenticator raises."""

    code = Code(100, "Invalid API Key", 401)


class InvalidApiKey(AuthenticationError):
    """There is no such API key, or none was sent (code 100)."""


class InactiveApiKey(AuthenticationError):
    """The API key was revoked or has expired (code 101)."""

    code = Code(101, "Inactive API Key", 401)


class MissingCapability(AuthenticationError):
    """The API key may not call this endpoint (code 102)."""

    code = Code(102, "The used API key doesn't have the required capability to access this endpoint", 401)


class AddressNotAllowed(AuthenticationError):
    """The API key may not be used from this address (code 103)."""

    code = Code(103, "API key can't be used from this IP address", 401)


class AccessDenied(AuthenticationError):
    """The caller's address or identifier is blocked (code 150)."""

    code = Code(150, "Access denied", 403)


class IncorrectData(LicensingError):
    """Fields are wrong; the endpoint that was asked has a code of its own for that.

    ``errors`` maps each field to its sentences; ``product_id`` is the existing product the request named, if it did.
    """

    def __init__(self, errors: Mapping[str, Sequence[str]], *, product_id: int | None = None) -> None:
        self.errors = {name: list(sentences) for name, sentences in errors.items()}
        self.product_id = product_id
        super().__init__(f"Incorrect data found: {' '.join(' '.join(of_field) for of_field in self.errors.values())}")


class MalformedRequest(AnswerableError):
    """The request can't be read at all (code 9400)."""

    code = Code(9400, "Malformed request", 400)


class WrongMethod(AnswerableError):
    """The endpoint exists and takes another method (code 9405)."""

    code = Code(9405, "Wrong method", 405)


class IdempotencyKeyReused(AnswerableError):
    """An ``Idempotency-Key`` came back with another payload (code 9409)."""

    code = Code(9409, "Idempotency-Key reused with another payload", 409)


class GeneratorTooSmall(AnswerableError):
    """A generator makes too few different license keys for what is asked of it (code 9409); nothing was stored."""

    code = Code(9409, "The generator makes too few different license keys", 409)


class GeneratorFailed(LicensingError):
    """A function of the site did not return license keys that can be stored; nothing was stored."""


class ProductInUse(AnswerableError):
    """A product can't be deleted while license keys, or rows of the site's own, refer to it (code 9409)."""

    code = Code(9409, "The product has license keys", 409)


class LicenseKeyInUse(AnswerableError):
    """A license key can't be deleted while rows of the site's own refer to it (code 9409)."""

    code = Code(9409, "Rows of the site refer to the license key", 409)


class RequestTooLarge(AnswerableError):
    """The body, or the number of license keys in it, is over the limit (code 9413)."""

    code = Code(9413, "Request too large", 413)


class UnsupportedMediaType(AnswerableError):
    """The body is of a type the API does not take (code 9415)."""

    code = Code(9415, "Unsupported media type", 415)


class TooManyRequests(AnswerableError):
    """The caller, or its address, did something too often (code 9429); ``retry_after`` seconds later it may again."""

    code = Code(9429, "Too many requests", 429)

    def __init__(self, retry_after: int) -> None:
        super().__init__(headers={"Retry-After": str(retry_after)})
        self.retry_after = retry_after


class NoPrivateKey(AnswerableError):
    """A license file was asked for, and no private key is set that could sign it (code 9501)."""

    code = Code(9501, "License files need a private key, and none is set", 501)


class StoreUnavailable(AnswerableError):
    """The key store can't be reached or is busy; trying again may help (code 9503)."""

    code = Code(9503, "The key store is unavailable, try again", 503)

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


class RecordedResponse(VerificationError):
    """The answer has another nonce than was sent, or none: it may be one that was recorded before."""


class CrossedResponse(VerificationError):
    """The answer is about another license key or identifier than was asked about, or does not say about which."""


class UntimelyResponse(VerificationError):
    """The answer was signed longer ago than allowed, or at a time yet to come; ``timestamp`` is that time."""

    def __init__(self, message: str, envelope: Mapping[str, Any], timestamp: int) -> None:
        super().__init__(message, envelope)
        self.timestamp = timestamp


class LicenseFileError(LicensingError):
    """A license file does not license what was asked about."""


class MalformedLicenseFile(LicenseFileError):
    """It is no JSON Web Token in compact form, too long, or a claim is missing or of the wrong type."""


class NoLicenseFile(LicenseFileError):
    """It is a token for another purpose (``typ``), signed in another way (``alg``), or with extensions (``crit``)."""


class BadLicenseFileSignature(LicenseFileError):
    """The signature belongs to another text, or to a private key that is not among those trusted."""


class OtherProduct(LicenseFileError):
    """The license file is for another product."""


class OtherIdentifier(LicenseFileError):
    """The license file is for another identifier."""


class ClockSetBack(LicenseFileError):
    """The clock says an earlier time than that at which the license file was issued."""


class LicenseEnded(LicenseFileError):
    """The license key has expired."""


class LeaseEnded(LicenseFileError):
    """The lease is over, and the license key has not expired: a new license file is needed."""


ANY_ENDPOINTS_CODES = tuple(
    kind.code
    for kind in (
        InvalidApiKey,
        InactiveApiKey,
        MissingCapability,
        AddressNotAllowed,
        AccessDenied,
        MalformedRequest,
        WrongMethod,
        IdempotencyKeyReused,
        RequestTooLarge,
        UnsupportedMediaType,
        TooManyRequests,
        AnswerableError,
        StoreUnavailable,
    )
)
"""What any endpoint may answer with, beside its own codes (contract section 1)."""
