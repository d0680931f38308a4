"""Making private keys, listing them and showing the public ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.core.public_keys import public_key_pem
from flask_licensing.errors import LicensingError, PrivateKeyError
from flask_licensing.private_keys.choice import choose_private_key
from flask_licensing.private_keys.folder import (
    PrivateKeyFile,
    PrivateKeyFolder,
    keep_out_of_git,
    make_private_key_folder,
    write_private_key_file,
)
from flask_licensing.private_keys.signing import generate_private_key
from flask_licensing.private_keys.versions import PrivateKeyState

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from flask_licensing.private_keys.ring import PrivateKeyRing
    from flask_licensing.private_keys.versions import PrivateKeyInfo, PrivateKeySource


def write_private_key(
    source: PrivateKeySource, product_id: int | None, *, passphrase: str | None, bits: int, overwrite: bool
) -> Path:
    """Make a private key where the source looks for it, readable by its owner alone, and return the file.

    The file appears whole or not at all. It is encrypted where there is a ``passphrase``. In a folder it is an active
    key, by its plain name, and ``overwrite`` replaces the one that signs.

    Raises:
        ConfigurationError: the source has no place for the key of a product.
        LicensingError: the source reads no files.
        PrivateKeyError: there is a key already and ``overwrite`` is false, or the file can't be written.

    """
    folder = getattr(source, "folder", None)
    if isinstance(folder, PrivateKeyFolder):
        with folder.locked():
            active = [file for file in folder.files(product_id) if file.state is PrivateKeyState.ACTIVE]
            file = folder.path_of(active[-1] if active else PrivateKeyFile(product_id))
            write_new_private_key(file, passphrase, bits=bits, overwrite=overwrite)
        return file
    path_for = getattr(source, "path_for", None)
    if path_for is None:
        raise LicensingError(
            "A private key can be made where LICENSING_PRIVATE_KEY_SOURCE is “file:PATH”; this source reads no files."
        )
    target: Path = path_for(product_id)
    try:
        make_private_key_folder(target.parent)
    except OSError as error:
        raise PrivateKeyError(f"The folder {target.parent} can't be made: {error.strerror}.") from error
    # The folder of one file may hold anything: git is to pass over that file alone.
    write_new_private_key(target, passphrase, bits=bits, overwrite=overwrite, git_passes_over=f"/{target.name}")
    return target


def write_pending_private_key(
    folder: PrivateKeyFolder, product_id: int | None, *, passphrase: str | None, bits: int, now: datetime
) -> Path:
    """Make a private key that is published and does not sign yet, and return its file.

    Raises:
        PrivateKeyError: another command is changing the keys, or the file can't be written.

    """
    with folder.locked():
        file = PrivateKeyFile(product_id, PrivateKeyState.PENDING, folder.unused_time(product_id, now))
        write_new_private_key(folder.path_of(file), passphrase, bits=bits)
    return folder.path_of(file)


def require_folder(source: PrivateKeySource) -> PrivateKeyFolder:
    """Return the folder that a source reads.

    Raises:
        LicensingError: it reads none.

    """
    folder = getattr(source, "folder", None)
    if not isinstance(folder, PrivateKeyFolder):
        raise LicensingError(
            "Keys have states where LICENSING_PRIVATE_KEY_SOURCE is “file:PATH” with the path of a folder; the keys of"
            " this source are changed where they are kept."
        )
    return folder


def show_public_key(private_key_ring: PrivateKeyRing, product_id: int | None) -> str:
    """Return, as PEM, the public key that verifies what is signed for a product, or with the global key.

    Raises:
        LicensingError: there is no private key, or it stays elsewhere and has no ``public_key`` method.

    """
    found = private_key_ring.key_for(product_id)
    if found is None:
        raise LicensingError("There is no private key: make one with “flask licensing generate-private-key”.")
    public_key = found[0].public_key
    if public_key is None:
        raise LicensingError("The private key is kept elsewhere; its public key has to be asked for there.")
    return public_key_pem(public_key)


def list_private_keys(private_key_ring: PrivateKeyRing) -> list[PrivateKeyInfo]:
    """Return what is known of every key: the global ones, then those of each product that the source lists.

    Raises:
        PrivateKeyError: the source can't be asked.

    """
    listed: list[PrivateKeyInfo] = []
    for product_id in (None, *private_key_ring.product_ids()):
        keys = private_key_ring.keys(product_id, to_sign=False)
        signing, _ = choose_private_key(keys, None)
        listed.extend(key.info(product_id, signs=key is signing) for key in keys)
    return listed


def write_new_private_key(
    target: Path, passphrase: str | None, *, bits: int, overwrite: bool = False, git_passes_over: str = "*"
) -> None:
    """Write a new private key, and beside it what keeps it out of a repository.

    Raises:
        PrivateKeyError: there is a file already and ``overwrite`` is false, or it can't be written.

    """
    try:
        keep_out_of_git(target.parent, git_passes_over)
        write_private_key_file(target, generate_private_key(passphrase, bits=bits), overwrite=overwrite)
    except FileExistsError:
        raise PrivateKeyError(f"The file {target} exists; a private key is replaced only with overwrite.") from None
    except OSError as error:
        raise PrivateKeyError(f"The file {target} can't be written: {error.strerror}.") from error
