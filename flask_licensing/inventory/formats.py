"""How files hold license keys: CSV with a header, NDJSON, or one license key a line; read and written as streams."""

from __future__ import annotations

import csv
import json
from difflib import get_close_matches
from enum import StrEnum
from itertools import starmap
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO, TypeAlias

from flask_licensing.core.log_text import printable
from flask_licensing.errors import FileError
from flask_licensing.license_keys.lines import expecting_license_keys, looks_like, read_lines, unlike_license_key
from flask_licensing.license_keys.store import TERMS
from flask_licensing.metadata.fields import Entries, read_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from flask_licensing.core.metadata import Metadata
    from flask_licensing.license_keys.store import LicenseKey

LICENSE_KEY_COLUMN = "license_key"

METADATA_COLUMN = "meta_data"
"""In it are keys and values as records of answers have them: ``[{"key": …, "value": …}]``, in CSV as JSON."""

_COLUMNS = (LICENSE_KEY_COLUMN, *TERMS, METADATA_COLUMN)
"""The columns of CSV, and members of NDJSON; unknown ones are named once and ignored."""

_KNOWN_NAMES = frozenset(_COLUMNS)

MAX_NAMED_COLUMNS = 20
"""How many unknown columns or members are named."""

MAX_NAME_LENGTH = 64
"""How much of such a name is shown, in characters."""

Terms: TypeAlias = "tuple[Any, ...]"
"""What a row says of each of the :data:`~flask_licensing.hooks.TERMS`; ``None`` where it says nothing."""

Exported: TypeAlias = "tuple[LicenseKey, Sequence[Metadata]]"
"""A license key with its metadata."""

NO_TERMS: Terms = (None,) * len(TERMS)


class FileFormat(StrEnum):
    """How a file holds license keys."""

    CSV = "csv"
    NDJSON = "ndjson"
    TEXT = "text"


class Row(NamedTuple):
    """One row as read: ``line`` is where it ends, from 1; a row that can't be read has a ``problem``."""

    line: int
    license_key: str
    terms: Terms = NO_TERMS
    problem: str | None = None
    metadata: Entries = ()


def read_rows(text: TextIO, file_format: FileFormat, *, guessed: bool, warn: Callable[[str], None]) -> Iterator[Row]:
    """Yield the rows of a file; blank ones are ignored, and so are byte order marks at the beginning of a line.

    ``guessed`` says that nobody named the format. ``warn`` is called with what may be a mistake, once for each.

    Raises:
        FileError: the format was guessed and the first line says otherwise, a CSV file has no column ``license_key`` or
            a column twice, or a line is too long.

    """
    lines = read_lines(text)
    if guessed and file_format is FileFormat.TEXT:
        lines = expecting_license_keys(lines)
    elif guessed and file_format is FileFormat.NDJSON:
        lines = _expecting_objects(lines)
    return _READERS[file_format](lines, warn)


def _expecting_objects(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if content := line.strip():
            if not content.startswith("{"):
                raise looks_like(unlike_license_key(content) or "something else", "a JSON object, one a line")
            yield line
            break
        yield line
    yield from lines


def write_license_keys(text: TextIO, file_format: FileFormat, license_keys: Iterable[Exported]) -> int:
    """Write license keys to a file and return how many; what is written reads back unchanged.

    The text format has no place for terms and metadata.
    """
    return _WRITERS[file_format](text, license_keys)


class _UnknownNames:
    """Warns once of each column or member that is not known, up to :data:`MAX_NAMED_COLUMNS`."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._named: set[str] = set()

    def look_at(self, names: Collection[str]) -> None:
        if _KNOWN_NAMES.issuperset(names):
            return
        for name in names:
            if name and name not in _KNOWN_NAMES | self._named and len(self._named) < MAX_NAMED_COLUMNS:
                self._named.add(name)
                near = get_close_matches(name[:MAX_NAME_LENGTH].lower(), _COLUMNS, n=1)
                meant = f"; did you mean {near[0]}?" if near else "."
                self._warn(f"{printable(name[:MAX_NAME_LENGTH])} is no known column and is ignored{meant}")


def _read_text(lines: Iterator[str], warn: Callable[[str], None]) -> Iterator[Row]:  # noqa: ARG001 - as the others
    for line, content in enumerate(lines, start=1):
        if license_key := content.strip():
            yield Row(line, license_key)


def _read_csv(lines: Iterator[str], warn: Callable[[str], None]) -> Iterator[Row]:
    reader = csv.reader(lines, strict=True)
    header = _csv_header(reader, warn)
    pick_license_key = header.index(LICENSE_KEY_COLUMN)
    pick_metadata = header.index(METADATA_COLUMN) if METADATA_COLUMN in header else None
    picks = [header.index(name) if name in header else None for name in TERMS]
    while True:
        first_line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(reader.line_num, "", problem=f"The row that begins on line {first_line} is not CSV: {error}.")
            continue
        if not any(map(str.strip, values)):
            continue
        if len(values) != len(header):
            yield Row(reader.line_num, "", problem=f"The row has {len(values)} fields, the header {len(header)}.")
            continue
        license_key = values[pick_license_key].strip()
        # Files that were joined have a header inside, too.
        if license_key.lower() == LICENSE_KEY_COLUMN and _names(values) == header:
            continue
        terms = tuple([None if pick is None else values[pick] or None for pick in picks])
        if pick_metadata is None or not (metadata := values[pick_metadata].strip()):
            yield Row(reader.line_num, license_key, terms)
        else:
            yield _with_metadata(reader.line_num, license_key, terms, _from_json(metadata))


def _csv_header(reader: Iterator[list[str]], warn: Callable[[str], None]) -> list[str]:
    try:
        header = _names(next(reader, []))
    except csv.Error as error:
        raise FileError(f"The header is not CSV: {error}.") from None
    if LICENSE_KEY_COLUMN not in header:
        raise FileError(
            f"The CSV file needs a header with the column {LICENSE_KEY_COLUMN}, separated by commas."
            " If it is no CSV, name the format with import-license-keys --format (in Python, file_format)."
        )
    for name in _COLUMNS:
        if header.count(name) > 1:
            raise FileError(f"The CSV file has the column {name} more than once.")
    _UnknownNames(warn).look_at(header)
    return header


def _names(values: list[str]) -> list[str]:
    return [name.strip().lower() for name in values]


class _RepeatedMember(ValueError):
    """A JSON object has a member twice."""


def _to_object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(members)
    if len(document) != len(members):
        raise _RepeatedMember
    return document


_DECODER = json.JSONDecoder(object_pairs_hook=_to_object)


def _read_ndjson(lines: Iterator[str], warn: Callable[[str], None]) -> Iterator[Row]:
    unknown = _UnknownNames(warn)
    for line, content in enumerate(lines, start=1):
        if not content.strip():
            continue
        try:
            document = _DECODER.decode(content)
        except _RepeatedMember:
            yield Row(line, "", problem="The JSON object has a member more than once.")
            continue
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict):
            unknown.look_at(document)
        license_key = document.get(LICENSE_KEY_COLUMN) if isinstance(document, dict) else None
        if not isinstance(document, dict) or not isinstance(license_key, str):
            yield Row(line, "", problem=f"The line is not a JSON object with a text {LICENSE_KEY_COLUMN}.")
            continue
        terms = tuple([document.get(name) for name in TERMS])
        # True and 1.0 are equal to 1 in Python, and equal terms are checked once.
        if not all(type(value) in _TERM_TYPES for value in terms):
            yield Row(line, license_key, problem="A member is neither text nor an integer.")
            continue
        if (metadata := document.get(METADATA_COLUMN)) is None:
            yield Row(line, license_key.strip(), terms)
        else:
            yield _with_metadata(line, license_key.strip(), terms, metadata)


def _from_json(text: str) -> object:
    """Return the value of a JSON text, ``None`` of any other."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _with_metadata(line: int, license_key: str, terms: Terms, metadata: object) -> Row:
    try:
        return Row(line, license_key, terms, metadata=read_metadata(metadata))
    except ValueError as error:
        return Row(line, license_key, problem=str(error))


_TERM_TYPES = (str, int, type(None))


def _write_text(text: TextIO, license_keys: Iterable[Exported]) -> int:
    return _write_lines(text, (license_key.license_key for license_key, _ in license_keys))


def _write_csv(text: TextIO, license_keys: Iterable[Exported]) -> int:
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    count = 0
    for count, (license_key, metadata) in enumerate(license_keys, start=1):  # noqa: B007 - counts what it writes
        kept = json.dumps(_to_records(metadata), ensure_ascii=False) if metadata else None
        writer.writerow([license_key.license_key, *_terms_of(license_key), kept])
    return count


def _write_ndjson(text: TextIO, license_keys: Iterable[Exported]) -> int:
    return _write_lines(text, starmap(_to_json, license_keys))


def _to_json(license_key: LicenseKey, metadata: Sequence[Metadata]) -> str:
    members = zip(TERMS, _terms_of(license_key), strict=True)
    document = {LICENSE_KEY_COLUMN: license_key.license_key} | {
        name: value for name, value in members if value is not None
    }
    if metadata:
        document[METADATA_COLUMN] = _to_records(metadata)
    return json.dumps(document, ensure_ascii=False)


def _to_records(metadata: Sequence[Metadata]) -> list[dict[str, Any]]:
    return [{"key": one.key, "value": one.value} for one in metadata]


def _write_lines(text: TextIO, lines: Iterable[str]) -> int:
    count = 0
    for count, line in enumerate(lines, start=1):  # noqa: B007 - counts what it writes
        text.write(line + "\n")
    return count


def _terms_of(license_key: LicenseKey) -> Sequence[Any]:
    terms = license_key.terms
    assigned_at = None if terms.assigned_at is None else f"{terms.assigned_at:%Y-%m-%d %H:%M:%S}"
    return [*(terms.to_values() | {"assigned_at": assigned_at}).values()]


_READERS: dict[FileFormat, Callable[[Iterator[str], Callable[[str], None]], Iterator[Row]]] = {
    FileFormat.CSV: _read_csv,
    FileFormat.NDJSON: _read_ndjson,
    FileFormat.TEXT: _read_text,
}

_WRITERS: dict[FileFormat, Callable[[TextIO, Iterable[Exported]], int]] = {
    FileFormat.CSV: _write_csv,
    FileFormat.NDJSON: _write_ndjson,
    FileFormat.TEXT: _write_text,
}
