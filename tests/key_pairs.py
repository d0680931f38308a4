"""RSA keys for tests that need several; made once, because making one takes long."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from flask_licensing.core.public_keys import key_id_of, public_key_pem

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


@dataclass(frozen=True)
class KeyPair:
    """A private key, as PEM and loaded, its public key as PEM, and its id."""

    pem: str = field(repr=False)
    private: RSAPrivateKey = field(repr=False)
    public_pem: str
    id: str

    def write(self, file: Path) -> None:
        """Write the private key to a file."""
        file.write_text(self.pem)


def key_pairs(count: int) -> tuple[KeyPair, ...]:
    """Return so many keys, the same ones each time."""
    return tuple(_key_pair(number) for number in range(count))


@cache
def _key_pair(_number: int) -> KeyPair:
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public_key = private.public_key()
    return KeyPair(pem, private, public_key_pem(public_key), key_id_of(public_key))
