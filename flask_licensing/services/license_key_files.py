"""Opening files of license keys, by path or as streams, gzipped or not.

Texts are UTF-8; bytes that are not are kept as lone surrogates, which no license key may have, so that such a row is
rejected and the others are not.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO, TypeAlias, cast

from flask_licensing.services.license_key_formats import FileError, FileFormat, read_rows, write_license_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flask_licensing.domain import LicenseKey
    from flask_licensing.services.license_key_formats import Row

LicenseKeyFile: TypeAlias = "str | os.PathLike[str] | BinaryIO"
"""A path, or a binary stream, which stays open."""

_SUFFIXES = {".csv": FileFormat.CSV, ".ndjson": FileFormat.NDJSON, ".jsonl": FileFormat.NDJSON}
_GZIP_SUFFIX = ".gz"
_GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def open_rows(file: LicenseKeyFile, file_format: str | None = None) -> Iterator[Iterator[Row]]:
    """Open a file for reading and yield its rows; gzip is recognised by its first bytes.

    ``file_format`` is by default what the path, or the stream's name, ends in, else text.

    Raises:
        FileError: the file can't be opened or read, or is not what its format says.

    """
    chosen = _chosen_format(file, file_format)
    try:
        with _open(file, "rb") as binary, _text_from(binary) as text:
            yield read_rows(text, chosen)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileError(f"The file is not whole gzip: {error}.") from None


@contextmanager
def open_for_license_keys(
    file: LicenseKeyFile, file_format: str | None = None
) -> Iterator[Callable[[Iterable[LicenseKey]], int]]:
    """Open a file for writing and yield what writes license keys to it and returns how many.

    A path ending in ``.gz`` is compressed. A file by its path appears when it is whole.

    Raises:
        FileError: the file can't be opened.

    """
    chosen = _chosen_format(file, file_format)
    if not isinstance(file, str | os.PathLike):
        with _text_to(file) as text:
            yield lambda license_keys: write_license_keys(text, chosen, license_keys)
        return
    path = Path(file)
    unfinished = path.with_name(f"{path.name}.unfinished")
    with _open(unfinished, "wb") as binary, _compressed(binary, path) as stream, _text_to(stream) as text:
        yield lambda license_keys: write_license_keys(text, chosen, license_keys)
    unfinished.replace(path)


def _chosen_format(file: LicenseKeyFile, file_format: str | None) -> FileFormat:
    if file_format is not None:
        return FileFormat(file_format)
    # An opened file knows its path; the name of a file descriptor is a number.
    name = os.fspath(file) if isinstance(file, str | os.PathLike) else str(getattr(file, "name", ""))
    return _SUFFIXES.get(Path(name.removesuffix(_GZIP_SUFFIX)).suffix.lower(), FileFormat.TEXT)


@contextmanager
def _open(file: LicenseKeyFile, mode: str) -> Iterator[BinaryIO]:
    if not isinstance(file, str | os.PathLike):
        yield file
        return
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(Path(file).open(mode))
        except OSError as error:
            raise FileError(f"The file {os.fspath(file)} can't be opened: {error.strerror}.") from None
        yield cast("BinaryIO", opened)


@contextmanager
def _text_from(binary: BinaryIO) -> Iterator[TextIO]:
    buffered = io.BufferedReader(cast("io.RawIOBase", binary))
    is_gzip = buffered.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
    plain = gzip.GzipFile(fileobj=buffered, mode="rb") if is_gzip else buffered
    text = io.TextIOWrapper(plain, "utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield text
    finally:
        text.detach()
        buffered.detach()


@contextmanager
def _text_to(binary: BinaryIO) -> Iterator[TextIO]:
    text = io.TextIOWrapper(binary, "utf-8", newline="")
    try:
        yield text
    finally:
        text.detach()


@contextmanager
def _compressed(binary: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    if path.suffix != _GZIP_SUFFIX:
        yield binary
        return
    # Without a time stamp, two exports of the same license keys are the same bytes.
    with gzip.GzipFile(fileobj=binary, mode="wb", mtime=0) as compressed:
        yield cast("BinaryIO", compressed)
