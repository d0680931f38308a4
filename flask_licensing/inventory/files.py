"""Opening files of license keys, by path or as streams, gzipped or not.

Texts are UTF-8; bytes that are not are kept as lone surrogates, which no license key may have, so that such a row is
rejected and the others are not.
"""

from __future__ import annotations

import errno
import gzip
import io
import os
import stat
import sys
import tempfile
import zlib
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO, TypeAlias, cast

from flask_licensing.core.log_text import printable
from flask_licensing.errors import FileError
from flask_licensing.inventory.formats import FileFormat, read_rows, write_license_keys
from flask_licensing.license_keys.lines import expecting_license_keys, read_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flask_licensing.inventory.formats import Exported, Row

Export: TypeAlias = "Callable[[bool], Iterable[Exported]]"
"""Returns the license keys to be written, with their metadata if the argument says that the file has a place for it."""

LicenseKeyFile: TypeAlias = "str | os.PathLike[str] | BinaryIO"
"""A path, or a binary stream, which stays open."""

_SUFFIXES = {
    ".csv": FileFormat.CSV,
    ".ndjson": FileFormat.NDJSON,
    ".jsonl": FileFormat.NDJSON,
    ".txt": FileFormat.TEXT,
    "": FileFormat.TEXT,
}
_GZIP_SUFFIX = ".gz"
_GZIP_MAGIC = b"\x1f\x8b"

_MOST_LINKS = 40
"""How many symbolic links to one another are followed, as on Linux."""


@contextmanager
def open_rows(file: LicenseKeyFile, file_format: str | None, warn: Callable[[str], None]) -> Iterator[Iterator[Row]]:
    """Open a file for reading and yield its rows; gzip is recognised by its first bytes.

    ``file_format`` is by default what the path, or the stream's name, ends in; text where it has no suffix. ``warn`` is
    called with what may be a mistake.

    Raises:
        FileError: the file can't be opened or read, is not what its format says, or has a suffix that says none.

    """
    suffix = _suffix(file)
    chosen = FileFormat(file_format) if file_format else _SUFFIXES.get(suffix)
    try:
        with _open(file) as binary, _text_from(binary) as text:
            if chosen is None:
                # What the file looks like says more than its name.
                next(expecting_license_keys(read_lines(text)), None)
                raise _unknown(suffix, "stored")
            yield read_rows(text, chosen, guessed=file_format is None, warn=warn)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileError(f"The file is not whole gzip: {error}.") from None


@contextmanager
def open_for_license_keys(file: LicenseKeyFile, file_format: str | None = None) -> Iterator[Callable[[Export], int]]:
    """Open a file for writing and yield what writes license keys to it and returns how many.

    A path ending in ``.gz`` is compressed. A file by its path appears when it is whole.

    Raises:
        FileError: the file can't be opened or written, or has a suffix that says no format.

    """
    suffix = _suffix(file)
    chosen = FileFormat(file_format) if file_format else _SUFFIXES.get(suffix)
    if chosen is None:
        raise _unknown(suffix, "written")
    if not isinstance(file, str | os.PathLike):
        with _text_to(file) as text:
            yield lambda export: write_license_keys(text, chosen, export(chosen is not FileFormat.TEXT))
        file.flush()
        return
    path = Path(file)
    with (
        _failing_as(path, "written"),
        _open_for_writing(path) as binary,
        _compressed(binary, path) as stream,
        _text_to(stream) as text,
    ):
        yield lambda export: write_license_keys(text, chosen, export(chosen is not FileFormat.TEXT))


def _suffix(file: LicenseKeyFile) -> str:
    """Return what a name ends in, ``.gz`` aside."""
    # An opened file knows its path; the name of a file descriptor is a number, and some streams have none.
    name = file if isinstance(file, str | os.PathLike) else getattr(file, "name", "")
    if not isinstance(name, str | bytes | os.PathLike):
        return ""
    return Path(os.fsdecode(name).lower().removesuffix(_GZIP_SUFFIX)).suffix


def _unknown(suffix: str, what: str) -> FileError:
    return FileError(
        f"The name ends in {printable(suffix)}, which says no format: nothing was {what}."
        f" Name the format with --format {', '.join(FileFormat)} (in Python, file_format)."
    )


@contextmanager
def _open(file: LicenseKeyFile) -> Iterator[BinaryIO]:
    if not isinstance(file, str | os.PathLike):
        yield file
        return
    with _failing_as(file, "opened"):
        opened = Path(file).open("rb")  # noqa: SIM115 - closed below
    with opened:
        yield opened


@contextmanager
def _failing_as(file: str | os.PathLike[str], what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileError(f"The file {os.fspath(file)} can't be {what}: {error.strerror}.") from None


def _open_for_writing(path: Path) -> AbstractContextManager[BinaryIO]:
    """Open a pipe, a device or an open descriptor as it is, and anything else as a draft that replaces the file."""
    with _failing_as(path, "opened"):
        # The target of a symbolic link is replaced, not the link.
        target = _target(path)
        there = target.stat() if target.exists() else None
        if _is_descriptor(target) or (there and not stat.S_ISREG(there.st_mode)):
            return os.fdopen(os.open(target, os.O_WRONLY | os.O_APPEND), "wb")
        if there and there.st_nlink > 1:
            raise FileError(
                f"The file {path} has {there.st_nlink} names (hard links), of which an export would replace one:"
                " nothing was written. Export to another file."
            )
        descriptor, draft = tempfile.mkstemp(prefix=".unfinished-export-", dir=target.parent)
        return _replacing(target, there, descriptor, Path(draft))


def _target(path: Path) -> Path:
    """Follow symbolic links, but not beyond what the process has open, which may have more in it than an export."""
    for _ in range(_MOST_LINKS):
        path = Path(os.path.realpath(path.parent), path.name)
        if _is_descriptor(path) or not path.is_symlink():
            return path
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _is_descriptor(path: Path) -> bool:
    return str(path).startswith(("/dev/fd/", "/dev/std", "/proc/"))


@contextmanager
def _replacing(target: Path, there: os.stat_result | None, descriptor: int, draft: Path) -> Iterator[BinaryIO]:
    try:
        with os.fdopen(descriptor, "wb") as opened:
            yield opened
            if there and sys.platform != "win32":
                _make_alike(descriptor, there)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _make_alike(descriptor: int, there: os.stat_result) -> None:
    """Give a file the owner and the mode of another; where it can't have the owner, it stays its own owner's alone."""
    with suppress(PermissionError):
        os.fchown(descriptor, there.st_uid, there.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(there.st_mode))


@contextmanager
def _text_from(binary: BinaryIO) -> Iterator[TextIO]:
    # A reader around a reader would wait until its own buffer is full, or for a second end of a keyboard's input.
    buffered = binary if isinstance(binary, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", binary))
    is_gzip = buffered.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
    plain = gzip.GzipFile(fileobj=buffered, mode="rb") if is_gzip else buffered
    text = io.TextIOWrapper(plain, "utf-8", errors="surrogateescape", newline="")
    try:
        yield text
    finally:
        text.detach()
        if buffered is not binary:
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
    if path.suffix.lower() != _GZIP_SUFFIX:
        yield binary
        return
    # Without name and time stamp, two exports of the same license keys are the same bytes.
    with gzip.GzipFile("", fileobj=binary, mode="wb", mtime=0) as compressed:
        yield cast("BinaryIO", compressed)
