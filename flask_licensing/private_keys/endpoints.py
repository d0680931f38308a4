"""``public-keys``: what verifies answers, for anyone who asks, as JWKS or PEM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from flask_licensing.core.domain import MAX_INTEGER
from flask_licensing.core.public_keys import jwks_of, public_key_pem
from flask_licensing.errors import MalformedRequest
from flask_licensing.http.published import Published
from flask_licensing.private_keys.ring import ring_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from flask_licensing.core.state import LicensingState

NAME = "public-keys"

PUBLIC_KEYS_MAX_AGE_SECONDS = 60
"""How long published keys may be cached: a key should be pending for longer than this before it signs."""

JWKS_MEDIA_TYPE = "application/jwk-set+json"
"""RFC 7517 section 8.5.2."""

PEM_MEDIA_TYPE = "application/x-pem-file"


def _pem_of(public_keys: Mapping[str, RSAPublicKey]) -> str:
    return "".join(map(public_key_pem, public_keys.values()))


_FORMATS: dict[str, tuple[str, Callable[[Mapping[str, RSAPublicKey]], str]]] = {
    "jwks": (JWKS_MEDIA_TYPE, jwks_of),
    "pem": (PEM_MEDIA_TYPE, _pem_of),
}
_ACCEPTED = {JWKS_MEDIA_TYPE: "jwks", "application/json": "jwks", PEM_MEDIA_TYPE: "pem"}


def _write(state: LicensingState, product_id: str | None = None) -> tuple[str, str]:
    media_type, write = _FORMATS[_format()]
    return write(ring_of(state).published(None if product_id is None else int(product_id))), media_type


def _format() -> str:
    """Return what the query asks for, or else the header; one that takes neither format is ignored."""
    asked_for = request.args.getlist("format")
    if not asked_for:
        return _ACCEPTED[request.accept_mimetypes.best_match(_ACCEPTED, JWKS_MEDIA_TYPE)]
    if len(asked_for) > 1 or asked_for[0] not in _FORMATS:
        raise MalformedRequest(f"The format of {NAME} is {' or '.join(_FORMATS)}")
    return asked_for[0]


_JWK_MEMBER = {"type": "string"}
_JWK = {
    "type": "object",
    "required": ["kty", "n", "e"],
    "properties": dict.fromkeys(("kty", "n", "e", "use", "alg", "kid"), _JWK_MEMBER),
}

PUBLIC_KEYS = Published(
    name=NAME,
    paths=(f"/{NAME}", f"/{NAME}/<product_id>"),
    write=_write,
    max_age_seconds=PUBLIC_KEYS_MAX_AGE_SECONDS,
    vary="Accept",
    summary="What verifies answers: the global public keys, or those of a product.",
    schemas={
        JWKS_MEDIA_TYPE: {
            "type": "object",
            "required": ["keys"],
            "properties": {"keys": {"type": "array", "items": _JWK}},
        },
        PEM_MEDIA_TYPE: {"type": "string"},
    },
    parameters={
        "product_id": {"type": "integer", "minimum": 1, "maximum": MAX_INTEGER},
        "format": {"type": "string", "enum": [*_FORMATS]},
    },
)
"""The keys are read for each request. An unknown product is answered with the global keys: those are what verifies
answers about it."""
