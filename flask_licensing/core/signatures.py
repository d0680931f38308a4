"""Asking a private key to sign, for everything that is signed: answers and license files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.errors import LicensingError, PrivateKeyDidNotSign, SigningError

if TYPE_CHECKING:
    from flask_licensing.core.state import LicensingState, SigningPrivateKey
    from flask_licensing.core.wire import PrivateKeyUsed


def private_key_for(
    licensing: LicensingState, product_id: int | None
) -> tuple[SigningPrivateKey, PrivateKeyUsed] | None:
    """Return what signs, and whose it is; ``None`` where no private key is set.

    Raises:
        SigningError: there are private keys, and none that can sign this.

    """
    try:
        return licensing.private_key_ring.key_for(product_id)
    except LicensingError as error:
        raise SigningError(f"there is no private key to sign with: {error}") from error


def signature_of(text: str, key: SigningPrivateKey) -> bytes:
    """Return the signature of a text of ASCII characters.

    Raises:
        PrivateKeyDidNotSign: whatever the private key raised.

    """
    try:
        return key.sign(text.encode("ascii"))
    except Exception as error:
        raise PrivateKeyDidNotSign(key.signer, error) from error
