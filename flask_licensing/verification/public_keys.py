"""The public keys that something is verified with, in any form that they are given in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from flask_licensing.core.public_keys import load_public_keys, require_size
from flask_licensing.errors import PublicKeyError

PublicKey: TypeAlias = "str | bytes | RSAPublicKey"
"""A public key, loaded or as text: PEM, several of them one after another, or a JWKS."""

PublicKeys: TypeAlias = "PublicKey | Sequence[PublicKey] | Mapping[str, RSAPublicKey]"
"""One or several public keys, of which one has to fit; or what :func:`load_public_keys` returned."""


def public_keys_from(given: PublicKeys) -> list[RSAPublicKey]:
    """Return public keys, loaded.

    Raises:
        PublicKeyError: no public key is given, or one can't be read, has less than 2048 bits or is for another use.

    """
    if isinstance(given, str | bytes):
        keys = list(load_public_keys(given).values())
    elif isinstance(given, RSAPublicKey):
        keys = [require_size(given)]
    elif isinstance(given, Iterable):
        several = given.values() if isinstance(given, Mapping) else given
        keys = [key for one in several for key in public_keys_from(one)]
    else:
        raise PublicKeyError(f"This is a {type(given).__name__}, and no RSA public key.")
    if not keys:
        raise PublicKeyError("There is no public key to verify with.")
    return keys
