"""The private-key sources that ship: one PEM file, a folder of them, an environment variable, none.

A source is called with a product id, or ``None`` for the global key. Those here also tell, with ``origin``, where a
key is from, so that an error can name the place.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from werkzeug.utils import ImportStringError, import_string

from flask_licensing.errors import ConfigurationError, PrivateKeyError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flask_licensing.hooks import PrivateKeySource

GLOBAL_KEY_FILE = "global.pem"
_PRODUCT_KEY_PREFIX = "product-"


class FileKeySource:
    """One PEM file: the global private key. Products have none of their own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, product_id: int | None) -> bytes | None:
        """Return the PEM, or ``None`` for a product and where there is no such file."""
        return _read(self._path) if product_id is None else None

    def origin(self, product_id: int | None) -> str:
        """Say where a key is from."""
        return f"the private key for product {product_id}" if product_id else f"the file {self._path}"

    def path_for(self, product_id: int | None) -> Path:
        """Return where a key is to be written; raises :class:`ConfigurationError` for a product's."""
        if product_id is not None:
            raise ConfigurationError(
                f"The private-key source is the one file {self._path}; for keys of products make it a folder."
            )
        return self._path


class FolderKeySource:
    """A folder with ``global.pem`` and ``product-<id>.pem``; a file that is not there is a key that does not exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, product_id: int | None) -> bytes | None:
        """Return the PEM, or ``None`` where there is no such file."""
        return _read(self.path_for(product_id))

    def origin(self, product_id: int | None) -> str:
        """Say where a key is from."""
        return f"the file {self.path_for(product_id)}"

    def path_for(self, product_id: int | None) -> Path:
        """Return where a key is, or is to be written."""
        name = GLOBAL_KEY_FILE if product_id is None else f"{_PRODUCT_KEY_PREFIX}{product_id}.pem"
        return self._folder / name

    def product_ids(self) -> Sequence[int]:
        """Return the products that have a key of their own, in order."""
        names = (path.stem.removeprefix(_PRODUCT_KEY_PREFIX) for path in self._folder.glob("product-*.pem"))
        return sorted(int(name) for name in names if name.isascii() and name.isdigit())


class EnvironmentKeySource:
    r"""An environment variable with the global private key as PEM; ``\n`` may stand for the ends of lines."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, product_id: int | None) -> str | None:
        """Return the PEM, or ``None`` for a product and where the variable is not set."""
        pem = os.environ.get(self._name) if product_id is None else None
        return pem.replace("\\n", "\n") if pem else None

    def origin(self, _product_id: int | None) -> str:
        """Say where a key is from."""
        return f"the environment variable {self._name}"


def no_keys(_product_id: int | None) -> None:
    """Return ``None``: the default source, which has no keys."""


def private_key_source_from(setting: str, *, folder: Path) -> PrivateKeySource:
    """Return the source that a text names: ``file:PATH``, ``env:NAME`` or ``package.module:name``.

    A path that is a folder, or has no suffix, is a folder of keys. Relative paths start at ``folder``.

    Raises:
        ConfigurationError: the text names nothing that can be a source.

    """
    kind, _, rest = setting.partition(":")
    if kind == "file" and rest:
        path = folder / rest
        return FolderKeySource(path) if path.is_dir() or not path.suffix else FileKeySource(path)
    if kind == "env" and rest:
        return EnvironmentKeySource(rest)
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
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PrivateKeyError(f"The file {path} can't be read: {error.strerror}.") from error
