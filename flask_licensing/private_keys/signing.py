"""RSA private keys: making, loading and signing with them (contract section 1; RFC 8017 section 8.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from flask_licensing.core.public_keys import MIN_KEY_BITS, verify_signature
from flask_licensing.errors import PrivateKeyError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

    from flask_licensing.private_keys.versions import PrivateKey, SupportsSign

_PUBLIC_EXPONENT = 65537

TRIAL = b"{a trial signature of flask_licensing}"
"""What is signed to see whether a key can. It is not base64, so that it can't pass for an answer."""

PRIVATE_KEY_BITS = (MIN_KEY_BITS, 3072, 4096)
"""The sizes of RSA keys that this package makes."""


class RsaSigner:
    """A private key in this process's memory."""

    def __init__(self, private_key: RSAPrivateKey) -> None:
        self._private_key = private_key

    def sign(self, data: bytes) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature with SHA-256 of ``data``."""
        return self._private_key.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def public_key(self) -> RSAPublicKey:
        """Return the public key that verifies what this signs."""
        return self._private_key.public_key()

    def is_consistent(self) -> bool:
        """Whether the numbers of the key belong together and it signs.

        This is what the library finds when it loads a key, but for the proof that its primes are primes: with others
        the trial fails. The trial alone says nothing of the numbers that OpenSSL can do without.
        """
        key = self._private_key.private_numbers()
        try:
            if (key.p * key.q, key.iqmp * key.q % key.p) != (key.public_numbers.n, 1):
                return False
            if (key.dmp1, key.dmq1) != (key.d % (key.p - 1), key.d % (key.q - 1)):
                return False
            verify_signature(self.public_key(), self.sign(TRIAL), TRIAL)
        except (ArithmeticError, InvalidSignature, ValueError):
            return False
        return True


def generate_private_key(passphrase: str | None = None, *, bits: int = MIN_KEY_BITS) -> bytes:
    """Return a new RSA private key as PEM (PKCS#8), encrypted where there is a ``passphrase``."""
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    return rsa.generate_private_key(_PUBLIC_EXPONENT, bits).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def load_signer(
    material: PrivateKey | RSAPublicKey, *, passphrase: str | None, origin: str, to_sign: bool = True
) -> SupportsSign:
    """Return what signs with a private key, however a source gave it.

    A PEM may be PKCS#1 or PKCS#8, encrypted or not. ``origin`` says in errors where the key came from. What is not
    ``to_sign`` for anybody, and only looked at, is checked in a fiftieth of the time.

    Raises:
        PrivateKeyError: it is not an RSA private key of at least 2048 bits, or the passphrase does not open it.

    """
    if isinstance(material, str | bytes):
        pem = material.encode() if isinstance(material, str) else material
        signer = _rsa_signer(_load_pem(pem, passphrase, origin, validate=to_sign), origin)
        if not (to_sign or signer.is_consistent()):
            raise _not_a_pem(origin)
        return signer
    if isinstance(material, RSAPrivateKey):
        return _rsa_signer(material, origin)
    if isinstance(material, RSAPublicKey):
        raise PrivateKeyError(f"{origin} holds a public key instead of a private one.")
    if callable(getattr(material, "sign", None)) and not hasattr(material, "private_bytes"):
        return material
    raise PrivateKeyError(f"{origin} holds a {_kind(material)} instead of an RSA private key.")


def load_public_part(
    material: str | bytes | RSAPrivateKey | RSAPublicKey, *, passphrase: str | None, origin: str
) -> RSAPublicKey:
    """Return the public part of a key that does not sign, from a private or a public key, as PEM or loaded.

    Raises:
        PrivateKeyError: it is not an RSA key of at least 2048 bits, or the passphrase does not open it.

    """
    loaded: object = material
    if isinstance(material, str | bytes):
        pem = material.encode() if isinstance(material, str) else material
        if _is_public(pem):
            loaded = _load_public_pem(pem, origin)
        else:
            loaded = _load_pem(pem, passphrase, origin, validate=False)
    if isinstance(loaded, RSAPublicKey):
        _require_size(loaded, origin)
        return loaded
    return _rsa_signer(loaded, origin).public_key()


def _rsa_signer(private_key: object, origin: str) -> RsaSigner:
    if not isinstance(private_key, RSAPrivateKey):
        raise PrivateKeyError(f"{origin} holds a {_kind(private_key)} instead of an RSA private key.")
    _require_size(private_key, origin)
    return RsaSigner(private_key)


def _require_size(key: RSAPrivateKey | RSAPublicKey, origin: str) -> None:
    if key.key_size < MIN_KEY_BITS:
        raise PrivateKeyError(f"{origin} holds an RSA key of {key.key_size} bits; at least {MIN_KEY_BITS} are needed.")


def _is_public(pem: bytes) -> bool:
    return b"-----BEGIN PUBLIC KEY" in pem or b"-----BEGIN RSA PUBLIC KEY" in pem


def _load_public_pem(pem: bytes, origin: str) -> PublicKeyTypes:
    try:
        return serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise PrivateKeyError(f"{origin} is not a public key as PEM.") from None


def _load_pem(pem: bytes, passphrase: str | None, origin: str, *, validate: bool = True) -> PrivateKeyTypes:
    """Load a private key; to ``validate`` it takes most of the time and is left out where it never signs."""
    if not pem.strip():
        raise PrivateKeyError(f"{origin} is empty; an RSA private key as PEM is needed.")
    if _is_public(pem):
        raise PrivateKeyError(f"{origin} holds a public key instead of a private one.")
    if b"-----BEGIN CERTIFICATE" in pem and b"PRIVATE KEY-----" not in pem:
        raise PrivateKeyError(f"{origin} holds a certificate instead of a private key.")
    encrypted = b"ENCRYPTED" in pem
    if encrypted and not passphrase:
        raise PrivateKeyError(f"{origin} is encrypted and no passphrase is set.")
    password = passphrase.encode() if encrypted and passphrase else None
    try:
        return serialization.load_pem_private_key(pem, password, unsafe_skip_rsa_key_validation=not validate)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # What the library says may quote the material; the cause is left out for that reason.
        if encrypted:
            raise PrivateKeyError(f"{origin} can't be opened with the passphrase that is set.") from None
        raise _not_a_pem(origin) from None


def _not_a_pem(origin: str) -> PrivateKeyError:
    return PrivateKeyError(f"{origin} is not a private key as PEM (PKCS#1 or PKCS#8).")


def _kind(material: object) -> str:
    name = type(material).__name__.removeprefix("_")
    for kind in ("EllipticCurve", "Ed25519", "Ed448", "DSA", "X25519", "RSAPublicKey"):
        if kind.lower() in name.lower() or (kind == "EllipticCurve" and name.startswith("EC")):
            return f"{kind} key"
    return name
