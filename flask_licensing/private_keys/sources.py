"""The private-key sources that ship: one PEM file, a folder of them, an environment variable, none.

A source is called with a product id, or ``None`` for the global key. Those here also tell, with ``origin``, where a
key is from, so that an error can name the place.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from werkzeug.utils import ImportStringError, import_string

from flask_licensing.errors import ConfigurationError, PrivateKeyError
from flask_licensing.private_keys.exposure import Exposure, find_exposure
from flask_licensing.private_keys.folder import PrivateKeyFile, PrivateKeyFolder
from flask_licensing.private_keys.versions import PrivateKeyState, PrivateKeyVersion

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flask_licensing.private_keys.versions import PrivateKeySource


class FilePrivateKeySource:
    """One PEM file: the global private key. Products have none of their own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, product_id: int | None) -> bytes | None:
        """Return the PEM, or ``None`` for a product and where there is no such file.

        Raises:
            PrivateKeyError: the file can't be read; or it is missing, and one beside it looks as if it were meant.

        """
        if product_id is not None:
            return None
        pem = _read(self._path)
        if pem is None and (similar := PrivateKeyFolder(self._path.parent).similar(self._path.name)):
            raise PrivateKeyError(
                f"The file {self._path} is missing, and {similar[0]} looks like it: give it that name, or move it away."
            )
        return pem

    def origin(self, product_id: int | None) -> str:
        """Say where a key is from."""
        return f"the private key for product {product_id}" if product_id else f"the file {self._path}"

    def exposure(self) -> Exposure:
        """Look whether others can read or replace the file."""
        return find_exposure(self._path.parent, [self._path])

    def path_for(self, product_id: int | None) -> Path:
        """Return where a key is to be written; raises :class:`ConfigurationError` for a product's."""
        if product_id is not None:
            raise ConfigurationError(
                f"The private-key source is the one file {self._path}; for keys of products make it a folder."
            )
        return self._path


class FolderPrivateKeySource:
    """A folder of private keys; where there is no file, there is no such key."""

    def __init__(self, path: Path) -> None:
        self.folder = PrivateKeyFolder(path)

    def __call__(self, product_id: int | None) -> list[PrivateKeyVersion]:
        """Return the keys of a product, or the global ones, oldest first.

        Where no file is a global key, each one that only looks like a key stands for one that can't be used: an app
        that has keys must not answer as one that has none.
        """
        versions = [
            PrivateKeyVersion(content, file.state, f"the file {self.folder.path_of(file)}")
            for file, content in self.folder.snapshot(product_id)
        ]
        if versions or product_id is not None:
            return versions
        return [
            PrivateKeyVersion(PrivateKeyError(problem), PrivateKeyState.ACTIVE, f"the file {self.folder.path / name}")
            for name, problem in self.folder.similar_to_keys().items()
        ]

    def origin(self, product_id: int | None) -> str:
        """Say where a key is from."""
        return f"the file {self.path_for(product_id)}"

    def exposure(self) -> Exposure:
        """Look whether others can read or replace the files."""
        return find_exposure(self.folder.path, self.folder.paths())

    def path_for(self, product_id: int | None) -> Path:
        """Return where the first key is written."""
        return self.folder.path_of(PrivateKeyFile(product_id))

    def product_ids(self) -> Sequence[int]:
        """Return the products that have keys of their own, in order."""
        return self.folder.product_ids()

    def passed_over(self) -> Sequence[str]:
        """Say of each file that is meant as a key, and is not named like one, what it should be called."""
        return [*self.folder.misnamed().values()]


class EnvironmentPrivateKeySource:
    r"""An environment variable with the global private key as PEM; ``\n`` or ``\r\n`` may stand for ends of lines."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, product_id: int | None) -> str | None:
        """Return the PEM, or ``None`` for a product and where the variable is not set."""
        pem = os.environ.get(self._name) if product_id is None else None
        return pem.replace("\\r", "").replace("\\n", "\n") if pem is not None else None

    def origin(self, _product_id: int | None) -> str:
        """Say where a key is from."""
        return f"the environment variable {self._name}"


def no_private_keys(_product_id: int | None) -> None:
    """Return ``None``: the default source, which has no keys."""


def private_key_source_from(setting: str, *, folder: Path) -> PrivateKeySource:
    """Return the source that a text names: ``file:PATH``, ``env:NAME`` or ``package.module:name``.

    A path that is a folder, or is not there and has no suffix, is a folder of keys. Relative paths start at ``folder``.

    Raises:
        ConfigurationError: the text names nothing that can be a source.

    """
    kind, _, rest = setting.partition(":")
    if kind == "file" and rest:
        path = folder / rest
        # These two, unlike the methods of a path, are false where a folder above can't be read.
        is_folder = os.path.isdir(path) or not (path.suffix or os.path.exists(path))
        return FolderPrivateKeySource(path) if is_folder else FilePrivateKeySource(path)
    if kind == "env" and rest:
        return EnvironmentPrivateKeySource(rest)
    try:
        source: PrivateKeySource = import_string(setting)
    except ImportStringError as error:
        raise ConfigurationError(
            f"The private-key source {setting!r} is neither “file:PATH” nor “env:NAME”"
            f" nor can it be imported: {error.exception}."
        ) from error
    return source


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        if path.is_symlink():
            raise PrivateKeyError(f"The file {path} is a link to what is not there.") from error
        return None
    except OSError as error:
        raise PrivateKeyError(f"The file {path} can't be read: {error.strerror}.") from error
