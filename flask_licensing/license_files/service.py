"""What a license file says, and who gets one (contract section 11)."""

from __future__ import annotations

import secrets
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple

from flask_licensing.activations.service import verify
from flask_licensing.core.jws import ALGORITHM, LICENSE_FILE_TYPE, compact, signing_input
from flask_licensing.core.signals import signals
from flask_licensing.core.signatures import private_key_for, signature_of
from flask_licensing.core.wire import ISO
from flask_licensing.errors import Code, NoPrivateKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from flask_licensing.activations.store import LicenseKeyState
    from flask_licensing.core.state import LicensingState
    from flask_licensing.core.wire import JsonValue
    from flask_licensing.core.work import Work
    from flask_licensing.license_keys.store import LicenseKey

RETRIEVED = Code(502, "License file retrieved successfully", signed_for_product=True)

LICENSE_FILE_CREATED = "license-file-created"

license_file_created = signals.signal(LICENSE_FILE_CREATED)
"""A license file was made: ``license_key`` is the license key, ``identifier`` for which it was."""

_SECONDS_OF_A_DAY = 86_400
_BYTES_OF_AN_ID = 16


class LicenseFileResult(NamedTuple):
    """What is answered to the question for a license file.

    ``license_file`` is ``None`` where it is refused, ``state`` where there is no such license key.
    """

    code: Code
    state: LicenseKeyState | None
    license_file: str | None = None

    @property
    def product_id(self) -> int | None:
        """The product of the license key."""
        return None if self.state is None else self.state.license_key.terms.product_id


def create_license_file(work: Work, licensing: LicensingState, license_key: str, identifier: str) -> LicenseFileResult:
    """Make a license file where ``verify`` says that the license key is valid for the identifier.

    Raises:
        NoPrivateKey: no private key is set.
        SigningError: there is a private key, and it did not sign.

    """
    verdict = verify(work, license_key, identifier, valid=RETRIEVED)
    if verdict.state is None or verdict.code is not RETRIEVED:
        return LicenseFileResult(verdict.code, verdict.state)
    key = verdict.state.license_key
    token = _signed(licensing, key.terms.product_id, _claims(licensing, key, identifier, work.now))
    work.record(LICENSE_FILE_CREATED, product_id=key.terms.product_id, target=f"license-key:{key.id}")
    work.send(license_file_created, license_key=key, identifier=identifier)
    return LicenseFileResult(RETRIEVED, verdict.state, token)


def _claims(licensing: LicensingState, key: LicenseKey, identifier: str, now: datetime) -> dict[str, JsonValue]:
    issued_at = _timestamp(now)
    ends_at = issued_at + licensing.settings.license_file_days * _SECONDS_OF_A_DAY
    return {
        # Never what a request says of the host: what is signed holds no words of a stranger.
        "iss": licensing.settings.license_file_issuer or licensing.app.config["SERVER_NAME"] or licensing.app.name,
        "sub": key.license_key,
        "aud": f"product:{key.terms.product_id}",
        "iat": issued_at,
        "exp": ends_at if key.expires_at is None else min(ends_at, _timestamp(key.expires_at)),
        "jti": secrets.token_urlsafe(_BYTES_OF_AN_ID),
        "identifier": identifier,
        "activation_limit": key.terms.activation_limit,
        "expires_at": None if key.expires_at is None else key.expires_at.strftime(ISO),
    }


def _signed(licensing: LicensingState, product_id: int, claims: Mapping[str, JsonValue]) -> str:
    found = private_key_for(licensing, product_id)
    if found is None:
        raise NoPrivateKey
    private_key, _ = found
    # A remote signer that does not tell its public key has no id, and nothing published that the id could name.
    named = {} if private_key.key_id is None else {"kid": private_key.key_id}
    header = {"alg": ALGORITHM, **named, "typ": LICENSE_FILE_TYPE}
    signed_text = signing_input(header, claims)
    return compact(signed_text, signature_of(signed_text, private_key))


def _timestamp(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())
