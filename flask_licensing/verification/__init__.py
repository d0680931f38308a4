"""Checking what a licensing site signed, for programs in Python: its answers, its license files, and typing errors.

Needs neither Flask nor SQLAlchemy. :func:`verify_response` and :func:`verify_license_file` raise on anything that
should not be trusted, :func:`is_valid_response` answers true or false. Trust only what they return: what was signed.
"""

from __future__ import annotations

from flask_licensing.core.public_keys import load_public_keys
from flask_licensing.core.readable_keys import check_typing
from flask_licensing.errors import (
    BadLicenseFileSignature,
    BadSignature,
    ClockSetBack,
    CrossedResponse,
    LeaseEnded,
    LicenseEnded,
    LicenseFileError,
    MalformedEnvelope,
    MalformedLicenseFile,
    MissingSignature,
    MistypedLicenseKey,
    NoLicenseFile,
    OtherIdentifier,
    OtherProduct,
    PayloadMismatch,
    PublicKeyError,
    RecordedResponse,
    UntimelyResponse,
    VerificationError,
)
from flask_licensing.verification.license_files import MAX_LICENSE_FILE_LENGTH, LicenseFile, verify_license_file
from flask_licensing.verification.public_keys import PublicKey, PublicKeys
from flask_licensing.verification.responses import (
    MAX_CLOCK_SKEW_SECONDS,
    Envelope,
    VerifiedResponse,
    is_valid_response,
    verify_response,
)

__all__ = [
    "MAX_CLOCK_SKEW_SECONDS",
    "MAX_LICENSE_FILE_LENGTH",
    "BadLicenseFileSignature",
    "BadSignature",
    "ClockSetBack",
    "CrossedResponse",
    "Envelope",
    "LeaseEnded",
    "LicenseEnded",
    "LicenseFile",
    "LicenseFileError",
    "MalformedEnvelope",
    "MalformedLicenseFile",
    "MissingSignature",
    "MistypedLicenseKey",
    "NoLicenseFile",
    "OtherIdentifier",
    "OtherProduct",
    "PayloadMismatch",
    "PublicKey",
    "PublicKeyError",
    "PublicKeys",
    "RecordedResponse",
    "UntimelyResponse",
    "VerificationError",
    "VerifiedResponse",
    "check_typing",
    "is_valid_response",
    "load_public_keys",
    "verify_license_file",
    "verify_response",
]
