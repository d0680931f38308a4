"""``public-keys``: what verifies answers, for anyone who asks, as JWKS or PEM."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import Response, request

from flask_licensing.api.authentication import refuse_blocked_address
from flask_licensing.domain import MAX_INTEGER
from flask_licensing.errors import MalformedRequest, NoSuchEndpoint, WrongMethod
from flask_licensing.public_keys import jwks_of
from flask_licensing.signing import public_key_pem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from flask_licensing.state import LicensingState

PUBLIC_KEYS = "public-keys"

PUBLIC_KEYS_PATHS = (f"/{PUBLIC_KEYS}", f"/{PUBLIC_KEYS}/<product_id>")
"""The path of the global keys, and that of a product's."""

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
_PRODUCT_ID = re.compile("[1-9][0-9]{0,9}")
_ACCEPTED = {JWKS_MEDIA_TYPE: "jwks", "application/json": "jwks", PEM_MEDIA_TYPE: "pem"}


def publish_keys(state: LicensingState, product_id: str | None = None) -> Response:
    """Answer the current request with the public keys; no API key is needed, and no database is asked.

    An unknown product is answered with the global keys: those are what verifies answers about it.

    Raises:
        AccessDenied: the address is blocked.
        MalformedRequest: the format asked for is unknown.
        NoSuchEndpoint: what stands for the product in the path can't be the id of one.
        WrongMethod: it is neither GET nor HEAD nor OPTIONS.

    """
    allowed = {"Allow": "OPTIONS, GET, HEAD"}
    if request.method == "OPTIONS":
        return Response(status=204, headers=allowed)
    if request.method not in {"GET", "HEAD"}:
        raise WrongMethod(f"{PUBLIC_KEYS} takes GET and HEAD", headers=allowed)
    refuse_blocked_address(state, request)
    media_type, write = _FORMATS[_format()]
    public_keys = state.key_ring.published(None if product_id is None else _to_integer(product_id))
    response = Response(write(public_keys), mimetype=media_type)
    response.headers["Cache-Control"] = f"public, max-age={PUBLIC_KEYS_MAX_AGE_SECONDS}"
    response.headers["Vary"] = "Accept"
    response.add_etag()
    response.make_conditional(request)
    return response


def _to_integer(product_id: str) -> int:
    # Werkzeug's own converter takes other digits than ASCII, and leaves what is too large to the app's 404 page.
    if _PRODUCT_ID.fullmatch(product_id) is None or int(product_id) > MAX_INTEGER:
        raise NoSuchEndpoint(f"The id of a product is a number from 1 to {MAX_INTEGER}")
    return int(product_id)


def _format() -> str:
    """Return what the query asks for, or else the header; one that takes neither format is passed over."""
    asked_for = request.args.getlist("format")
    if not asked_for:
        return _ACCEPTED[request.accept_mimetypes.best_match(_ACCEPTED, JWKS_MEDIA_TYPE)]
    if len(asked_for) > 1 or asked_for[0] not in _FORMATS:
        raise MalformedRequest(f"The format of {PUBLIC_KEYS} is {' or '.join(_FORMATS)}")
    return asked_for[0]
