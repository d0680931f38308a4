"""Making private keys and showing the public ones."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from flask_licensing.errors import LicensingError, PrivateKeyError
from flask_licensing.signing import generate_private_key, public_key_pem

if TYPE_CHECKING:
    from pathlib import Path

    from flask_licensing.hooks import PrivateKeySource
    from flask_licensing.key_ring import KeyRing

_OWNER_ONLY = 0o600
_OWNER_ONLY_FOLDER = 0o700


def write_private_key(
    source: PrivateKeySource, product_id: int | None, *, passphrase: str | None, overwrite: bool
) -> Path:
    """Make a private key where the source looks for it, readable by its owner alone, and return the file.

    The file appears whole or not at all. It is encrypted where there is a ``passphrase``.

    Raises:
        ConfigurationError: the source has no place for the key of a product.
        LicensingError: the source reads no files.
        PrivateKeyError: there is a key already and ``overwrite`` is false, or the file can't be written.

    """
    path_for = getattr(source, "path_for", None)
    if path_for is None:
        raise LicensingError(
            "A private key can be made where LICENSING_PRIVATE_KEY_SOURCE is “file:PATH”; this source reads no files."
        )
    target: Path = path_for(product_id)
    try:
        _write(target, generate_private_key(passphrase), overwrite=overwrite)
    except OSError as error:
        raise PrivateKeyError(f"The file {target} can't be written: {error.strerror}.") from error
    return target


def show_public_key(key_ring: KeyRing, product_id: int | None) -> str:
    """Return, as PEM, the public key that verifies what is signed for a product, or with the global key.

    Raises:
        LicensingError: there is no private key, or it stays elsewhere and has no ``public_key`` method.

    """
    found = key_ring.key_for(product_id)
    if found is None:
        raise LicensingError("There is no private key: make one with “flask licensing generate-private-key”.")
    public_key = found[0].public_key
    if public_key is None:
        raise LicensingError("The private key is kept elsewhere; its public key has to be asked for there.")
    return public_key_pem(public_key)


def _write(target: Path, pem: bytes, *, overwrite: bool) -> None:
    target.parent.mkdir(mode=_OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    try:
        if overwrite:
            draft.replace(target)
        else:
            # A link, unlike a rename, refuses where there is a file already.
            os.link(draft, target)
    except FileExistsError:
        raise PrivateKeyError(f"The file {target} exists; a key is not replaced unless told so.") from None
    finally:
        draft.unlink(missing_ok=True)
