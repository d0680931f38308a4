"""Checking license files: without a network, and by this computer's clock (contract section 11)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from cryptography.exceptions import InvalidSignature

from flask_licensing.core.domain import naive_utc, utc_now
from flask_licensing.core.jws import ALGORITHM, LICENSE_FILE_TYPE, base64url_decoded
from flask_licensing.core.public_keys import key_id_of, verify_signature
from flask_licensing.errors import (
    BadLicenseFileSignature,
    ClockSetBack,
    LeaseEnded,
    LicenseEnded,
    MalformedLicenseFile,
    NoLicenseFile,
    OtherIdentifier,
    OtherProduct,
)
from flask_licensing.verification.public_keys import public_keys_from
from flask_licensing.verification.responses import MAX_CLOCK_SKEW_SECONDS
from flask_licensing.verification.strict_json import read_strict_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from flask_licensing.verification.public_keys import PublicKeys

MAX_LICENSE_FILE_LENGTH = 16_384
"""Most characters of a license file. The longest texts and a private key of 16384 bits make fewer."""

_EPOCH = datetime(1970, 1, 1)
_AUDIENCE = re.compile(r"product:([1-9][0-9]{0,9})")

Kind = TypeVar("Kind")


@dataclass(frozen=True, kw_only=True)
class LicenseFile:
    """What a license file says. Times are naive UTC.

    ``lease_ends_at`` is when a new license file is needed, ``expires_at`` when the license key expires, if ever.
    ``issuer`` is the site, and ``id`` differs from that of every other license file.
    """

    license_key: str
    identifier: str
    product_id: int
    activation_limit: int
    expires_at: datetime | None
    issued_at: datetime
    lease_ends_at: datetime
    issuer: str
    id: str


def verify_license_file(
    token: str | bytes,
    public_keys: PublicKeys,
    *,
    product_id: int,
    identifier: str,
    now: datetime | None = None,
) -> LicenseFile:
    """Return what a license file says, if it holds for this product, this identifier and this time.

    Args:
        token: the license file, as text or bytes; white space around it is not part of it.
        public_keys: the public key, or several, in the forms that :func:`verify_response` takes.
        product_id: the product that asks, as the site numbers it.
        identifier: the identifier that the license key was activated with.
        now: what time it is, aware or naive UTC; by default this computer's clock is asked. A program that remembers
            the latest time it saw can pass the later of the two.

    Raises:
        MalformedLicenseFile: it is no JSON Web Token in compact form, or lacks a claim; or is longer than
            :data:`MAX_LICENSE_FILE_LENGTH`.
        NoLicenseFile: it is a token for another purpose, or signed in another way.
        BadLicenseFileSignature: the signature does not fit the token and any of the public keys.
        OtherProduct: it is for another product.
        OtherIdentifier: it is for another identifier.
        ClockSetBack: it was issued more than :data:`MAX_CLOCK_SKEW_SECONDS` after ``now``.
        LicenseEnded: the license key has expired.
        LeaseEnded: the license key has not expired, and a new license file is needed.
        PublicKeyError: a public key can't be read, or has less than 2048 bits.

    """
    keys = public_keys_from(public_keys)
    read = _read_token(token)
    _require_purpose(read.header)
    _require_signature(read, keys)
    license_file = _read_claims(read.claims)
    if license_file.product_id != product_id:
        raise OtherProduct(f"The license file is for product {license_file.product_id}.")
    if license_file.identifier != identifier.strip():
        raise OtherIdentifier("The license file is for another identifier.")
    _require_time(license_file, utc_now() if now is None else naive_utc(now))
    return license_file


class _Token(NamedTuple):
    header: dict[str, Any]
    claims: bytes
    signed_text: bytes
    signature: bytes


def _read_token(token: str | bytes) -> _Token:
    """Take a token apart; its claims are read once the signature is known to hold."""
    if len(token) > MAX_LICENSE_FILE_LENGTH:
        raise MalformedLicenseFile(f"The license file has more than {MAX_LICENSE_FILE_LENGTH} characters.")
    try:
        text = (token.decode("ascii") if isinstance(token, bytes) else token).strip()
        signed_text, _, signature = text.rpartition(".")
        header, claims = map(base64url_decoded, signed_text.split("."))
        return _Token(_read_object(header, "header"), claims, signed_text.encode("ascii"), base64url_decoded(signature))
    except ValueError:
        raise MalformedLicenseFile("The license file is not three texts of base64url with dots between.") from None


def _read_object(data: bytes, name: str) -> dict[str, Any]:
    try:
        read = read_strict_json(data.decode("utf-8"))
    except ValueError:
        raise MalformedLicenseFile(f"The {name} of the license file can't be read as JSON.") from None
    if not isinstance(read, dict):
        raise MalformedLicenseFile(f"The {name} of the license file is not a JSON object.")
    return read


def _require_purpose(header: dict[str, Any]) -> None:
    if header.get("alg") != ALGORITHM:
        raise NoLicenseFile(f"The token is not signed with {ALGORITHM}.")
    if header.get("typ") != LICENSE_FILE_TYPE:
        raise NoLicenseFile(f"The token is of another type than {LICENSE_FILE_TYPE}.")
    # RFC 7515 section 4.1.11: what is critical has to be understood, and nothing is.
    if "crit" in header:
        raise NoLicenseFile("The token has critical extensions.")


def _require_signature(read: _Token, keys: Sequence[RSAPublicKey]) -> None:
    """Refuse a token that none of the public keys verifies; if the token names one, only that one is tried."""
    named = read.header.get("kid")
    possible = [key for key in keys if named is None or key_id_of(key) == named]
    if not possible:
        raise BadLicenseFileSignature("The license file is signed with a private key that is not among those given.")
    if not any(_fits(read, key) for key in possible):
        raise BadLicenseFileSignature("The signature of the license file does not fit.")


def _fits(read: _Token, key: RSAPublicKey) -> bool:
    try:
        verify_signature(key, read.signature, read.signed_text)
    except InvalidSignature:
        return False
    return True


def _read_claims(data: bytes) -> LicenseFile:
    claims = _read_object(data, "claims")
    audience = _AUDIENCE.fullmatch(_claim(claims, "aud", str))
    if audience is None:
        raise MalformedLicenseFile("The claim aud of the license file names no product.")
    expires_at = None if claims.get("expires_at", "") is None else _claim(claims, "expires_at", str)
    try:
        return LicenseFile(
            license_key=_claim(claims, "sub", str),
            identifier=_claim(claims, "identifier", str),
            product_id=int(audience[1]),
            activation_limit=_claim(claims, "activation_limit", int),
            expires_at=None if expires_at is None else naive_utc(datetime.fromisoformat(expires_at)),
            issued_at=_EPOCH + timedelta(seconds=_claim(claims, "iat", int)),
            lease_ends_at=_EPOCH + timedelta(seconds=_claim(claims, "exp", int)),
            issuer=_claim(claims, "iss", str),
            id=_claim(claims, "jti", str),
        )
    except (ValueError, OverflowError):
        raise MalformedLicenseFile("A date of the license file is invalid.") from None


def _claim(claims: dict[str, Any], name: str, kind: type[Kind]) -> Kind:
    value = claims.get(name)
    # Python takes true for an integer.
    if type(value) is not kind:
        raise MalformedLicenseFile(f"The claim {name} of the license file is missing or of another type.")
    return value


def _require_time(license_file: LicenseFile, now: datetime) -> None:
    if license_file.issued_at - now > timedelta(seconds=MAX_CLOCK_SKEW_SECONDS):
        raise ClockSetBack(f"The license file was issued at {license_file.issued_at} UTC, which is yet to come.")
    if license_file.expires_at is not None and now >= license_file.expires_at:
        raise LicenseEnded(f"The license key expired at {license_file.expires_at} UTC.")
    if now >= license_file.lease_ends_at:
        raise LeaseEnded(f"The lease of the license file ended at {license_file.lease_ends_at} UTC.")
