"""Changing the key that signs, and retiring those that no longer do, in a folder of key files."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flask_licensing.core.public_keys import MIN_KEY_BITS
from flask_licensing.errors import LicensingError, PrivateKeyError
from flask_licensing.private_keys.folder import PrivateKeyFile
from flask_licensing.private_keys.service import write_new_private_key
from flask_licensing.private_keys.versions import PrivateKeyInfo, PrivateKeyState, PrivateKeyVersion

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from flask_licensing.private_keys.folder import PrivateKeyFolder
    from flask_licensing.private_keys.loading import LoadedPrivateKey, PrivateKeyLoader


@dataclass(frozen=True)
class PrivateKeyRotation:
    """What a rotation changed: the key that signs from now on, and those that did before."""

    active: PrivateKeyInfo
    verify_only: tuple[PrivateKeyInfo, ...]


class PrivateKeyRotator:
    """Changes the states of the keys in a folder, one change at a time, each a rename that leaves every state valid."""

    def __init__(self, folder: PrivateKeyFolder, loader: PrivateKeyLoader) -> None:
        self._folder = folder
        self._loader = loader

    def bits_that_sign(self, product_id: int | None) -> int:
        """Return the size of the newest active key, or the smallest size where none can be read."""
        files = self._folder.files(product_id)
        keys = [self._load(file).public_key for file in files if file.state is PrivateKeyState.ACTIVE]
        return next((key.key_size for key in reversed(keys) if key), MIN_KEY_BITS)

    def rotate(self, product_id: int | None, *, now: datetime, bits: int | None = None) -> PrivateKeyRotation:
        """Make the oldest pending key active, or else a new one, and then those active before verify-only.

        A new one has as many ``bits``, by default those of the key that signed.

        Raises:
            LicensingError: a number of bits is given, and there is a pending key.
            PrivateKeyError: the pending key can't be used, another command is changing the keys, or a file can't be
                written. What a rotation that broke off had done so far stays, and signs and verifies.

        """
        with self._folder.locked():
            files = self._folder.files(product_id)
            pending = [file for file in files if file.state is PrivateKeyState.PENDING]
            if pending:
                if bits is not None:
                    raise LicensingError("There is a pending key: how many bits it has was chosen when it was made.")
                self._require_usable(pending[0], files)
                active = self._folder.move(pending[0], PrivateKeyState.ACTIVE)
            else:
                active = PrivateKeyFile(product_id, PrivateKeyState.ACTIVE, self._folder.unused_time(product_id, now))
                bits = bits or self.bits_that_sign(product_id)
                write_new_private_key(self._folder.path_of(active), self._loader.passphrase, bits=bits)
            before = [file for file in files if file.state is PrivateKeyState.ACTIVE and file != active]
            verify_only = [self._folder.move(file, PrivateKeyState.VERIFY_ONLY) for file in before]
        return PrivateKeyRotation(
            replace(self._info(active), signs=True), tuple(self._info(file) for file in verify_only)
        )

    def retire(self, key_id: str, product_ids: Iterable[int], *, refresh_seconds: float) -> list[PrivateKeyInfo]:
        """Retire a key, pending or verify-only, wherever it is: as a global one, and as one of the products given.

        Raises:
            LicensingError: there is no such key, it is active or retired already, or it signed within the last
                ``refresh_seconds``, so that it may still do so in another process.
            PrivateKeyError: another command is changing the keys, or a file can't be written.

        """
        with self._folder.locked():
            files = [file for owner in (None, *product_ids) for file in self._folder.files(owner)]
            found = [file for file in files if self._info(file).key_id == key_id]
            for owner in {file.product_id for file in found}:
                self._require_retirable([file for file in found if file.product_id == owner], refresh_seconds)
            to_retire = [file for file in found if file.state is not PrivateKeyState.RETIRED]
            if not to_retire:
                raise LicensingError(f"There is no key {key_id}." if not found else f"The key {key_id} is retired.")
            return [self._info(self._folder.move(file, PrivateKeyState.RETIRED)) for file in to_retire]

    def _require_usable(self, pending: PrivateKeyFile, files: Iterable[PrivateKeyFile]) -> None:
        content = self._folder.read(pending)
        (key,) = self._loader.load_all([PrivateKeyVersion(content, pending.state)], origin=self._origin(pending))
        if key.problem:
            raise PrivateKeyError(f"Nothing was changed: {key.problem}")
        # A rotation that broke off left the key under both names.
        of_this_key = {pending, replace(pending, state=PrivateKeyState.ACTIVE)}
        for file in files:
            if file not in of_this_key and self._info(file).key_id == key.key_id:
                raise PrivateKeyError(
                    f"Nothing was changed: {self._origin(pending)} is the key that is in {self._origin(file)} already."
                )

    def _require_retirable(self, files: list[PrivateKeyFile], refresh_seconds: float) -> None:
        state = PrivateKeyState.furthest(file.state for file in files)
        if state is PrivateKeyState.ACTIVE:
            raise LicensingError(f"{self._origin(files[0])} is active: a key is retired once another one signs.")
        if state is PrivateKeyState.VERIFY_ONLY:
            # A change of name is a change of the file's status; its time is the file system's, as is this one.
            changed = max(self._folder.path_of(file).stat().st_ctime for file in files)
            if (left := changed + refresh_seconds - time.time()) > 0:
                where = self._origin(files[0])
                raise LicensingError(f"{where} may still sign in another process; try again in {math.ceil(left)} s.")

    def _info(self, file: PrivateKeyFile) -> PrivateKeyInfo:
        return replace(self._load(file).info(file.product_id), state=file.state)

    def _load(self, file: PrivateKeyFile) -> LoadedPrivateKey:
        """Load the key of a file as one that does not sign, which takes a hundredth of the time."""
        try:
            material: bytes | PrivateKeyError = self._folder.read(file)
        except PrivateKeyError as problem:
            material = problem
        version = PrivateKeyVersion(material, PrivateKeyState.RETIRED)
        (key,) = self._loader.load_all([version], origin=self._origin(file))
        return key

    def _origin(self, file: PrivateKeyFile) -> str:
        return f"the file {self._folder.path_of(file)}"
