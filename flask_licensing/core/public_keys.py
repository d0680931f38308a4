"""Public keys: their ids (RFC 7638), and reading them from what is published, as PEM or JWKS (RFC 7517).

Needs neither Flask nor SQLAlchemy.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from flask_licensing.core.jws import ALGORITHM, base64url
from flask_licensing.errors import PublicKeyError

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_KEY_BITS = 2048
"""Smallest RSA key that this package signs or verifies with, in bits; also the size of those it makes."""

KEY_ID_LENGTH = 43
"""Characters of a key id: a SHA-256 as base64url without padding."""

# A block ends before the next hyphen: looking for each end through all that follows would take quadratic time.
_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----[^-]*-----END \1-----")


def key_id_of(public_key: RSAPublicKey) -> str:
    """Return the id of a key: the RFC 7638 thumbprint (SHA-256, base64url without padding) of its public part."""
    # RFC 7638 section 3.2: the required members alone, in lexicographic order, without white space.
    members = json.dumps(jwk_of(public_key), sort_keys=True, separators=(",", ":"))
    return base64url(hashlib.sha256(members.encode("ascii")).digest())


def jwk_of(public_key: RSAPublicKey) -> dict[str, str]:
    """Return the members that a JWK of an RSA key must have (RFC 7518 section 6.3.1)."""
    numbers = public_key.public_numbers()
    return {"kty": "RSA", "n": _base64url_of_integer(numbers.n), "e": _base64url_of_integer(numbers.e)}


def public_key_pem(public_key: RSAPublicKey) -> str:
    """Return a public key as PEM (SubjectPublicKeyInfo), the form PHP and OpenSSL read."""
    encoded = public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode("ascii")


def jwks_of(public_keys: Mapping[str, RSAPublicKey]) -> str:
    """Return public keys, given by their ids, as the JSON of a JWKS (RFC 7517 section 5)."""
    purpose = {"use": "sig", "alg": ALGORITHM}
    keys = [jwk_of(public_key) | purpose | {"kid": key_id} for key_id, public_key in public_keys.items()]
    return json.dumps({"keys": keys}, separators=(",", ":"))


def verify_signature(public_key: RSAPublicKey, signature: bytes, data: bytes) -> None:
    """Raise :class:`~cryptography.exceptions.InvalidSignature` unless it is the contract's signature of ``data``."""
    public_key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())


def require_size(public_key: RSAPublicKey) -> RSAPublicKey:
    """Return a public key that is large enough; raises :class:`PublicKeyError` under :data:`MIN_KEY_BITS`."""
    if public_key.key_size < MIN_KEY_BITS:
        raise PublicKeyError(f"This RSA key has {public_key.key_size} bits; at least {MIN_KEY_BITS} are needed.")
    return public_key


def load_public_keys(document: str | bytes) -> dict[str, RSAPublicKey]:
    """Return the public keys of a document by their ids, in its order.

    The document is one PEM, several one after another, or a JWKS as JSON. Of a JWKS, keys that are not RSA or that say
    they are for something else than verifying RS256 are ignored (``use``, ``alg``, ``key_ops``; RFC 7517 sections
    4 and 5). Ids are computed from the keys; a ``kid`` in the document is ignored.

    Raises:
        PublicKeyError: it is neither; one of its keys can't be read or has less than 2048 bits; or all RSA keys of a
            JWKS are for something else.

    """
    text = document.encode(errors="replace") if isinstance(document, str) else document
    loaded = _load_jwks(text) if text.lstrip().startswith(b"{") else _load_pems(text)
    return {key_id_of(public_key): require_size(public_key) for public_key in loaded}


def _load_pems(text: bytes) -> list[RSAPublicKey]:
    blocks = [found[0] for found in _PEM_BLOCK.finditer(text)]
    if not blocks:
        raise PublicKeyError("This is neither a public key as PEM nor a JWKS.")
    return [_load_pem(block) for block in blocks]


def _load_pem(block: bytes) -> RSAPublicKey:
    try:
        loaded = serialization.load_pem_public_key(block)
    except (ValueError, UnsupportedAlgorithm):
        raise PublicKeyError("This is not a public key as PEM.") from None
    if not isinstance(loaded, RSAPublicKey):
        raise PublicKeyError("This public key is not an RSA key.")
    return loaded


def _load_jwks(text: bytes) -> list[RSAPublicKey]:
    try:
        rsa_keys = [jwk for jwk in json.loads(text)["keys"] if jwk["kty"] == "RSA"]
        loaded = [_load_jwk(jwk) for jwk in rsa_keys if _verifies_rs256(jwk)]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise PublicKeyError("This is not a JWKS with RSA public keys.") from None
    if rsa_keys and not loaded:
        raise PublicKeyError("No key of this JWKS is for verifying RS256 signatures.")
    return loaded


def _verifies_rs256(jwk: Mapping[str, Any]) -> bool:
    """Whether nothing that a JWK says of its purpose speaks against it (RFC 7517 sections 4.2 to 4.4)."""
    is_for_signatures = jwk.get("use", "sig") == "sig" and jwk.get("alg", ALGORITHM) == ALGORITHM
    operations = jwk.get("key_ops", ["verify"])
    return is_for_signatures and isinstance(operations, list) and "verify" in operations


def _load_jwk(jwk: Mapping[str, Any]) -> RSAPublicKey:
    return RSAPublicNumbers(e=_integer(jwk["e"]), n=_integer(jwk["n"])).public_key()


def _base64url_of_integer(number: int) -> str:
    return base64url(number.to_bytes((number.bit_length() + 7) // 8))


def _integer(text: str) -> int:
    padded = text + "=" * (-len(text) % 4)
    return int.from_bytes(base64.b64decode(padded, altchars=b"-_", validate=True))
