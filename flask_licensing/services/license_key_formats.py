"""How files hold license keys: CSV with a header, NDJSON, or one license key a line; read and written as streams."""

from __future__ import annotations

import csv
import json
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO, TypeAlias

from flask_licensing.errors import LicensingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flask_licensing.domain import LicenseKey

LICENSE_KEY_COLUMN = "license_key"

TERMS_COLUMNS = (
    "product_id",
    "activation_limit",
    "validity",
    "status",
    "owner_name",
    "owner_email",
    "assigned_at",
)
"""The columns of CSV, and members of NDJSON, beside ``license_key``; unknown ones are ignored."""

Terms: TypeAlias = "tuple[Any, ...]"
"""What a row says of its terms, in the order of :data:`TERMS_COLUMNS`; ``None`` where it says nothing."""

MAX_LINE_LENGTH = 65_536
"""Longest line that is read, in characters: many times the longest license key with its terms."""

NO_TERMS: Terms = (None,) * len(TERMS_COLUMNS)


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


class FileError(LicensingError):
    """A file of license keys can't be read at all; the message says why."""


def read_rows(text: TextIO, file_format: FileFormat) -> Iterator[Row]:
    """Yield the rows of a file; blank lines are passed over.

    Raises:
        FileError: a CSV file has no column ``license_key``, or a line is longer than :data:`MAX_LINE_LENGTH`.

    """
    return _READERS[file_format](text)


def write_license_keys(text: TextIO, file_format: FileFormat, license_keys: Iterable[LicenseKey]) -> int:
    """Write license keys to a file and return how many; what is written reads back unchanged.

    The text format has no place for terms.
    """
    return _WRITERS[file_format](text, license_keys)


def _lines(text: TextIO) -> Iterator[str]:
    for number, line in enumerate(iter(partial(text.readline, MAX_LINE_LENGTH), ""), start=1):
        if len(line) == MAX_LINE_LENGTH:
            raise FileError(f"Line {number} is longer than {MAX_LINE_LENGTH} characters.")
        yield line


def _read_text(text: TextIO) -> Iterator[Row]:
    for line, content in enumerate(_lines(text), start=1):
        if license_key := content.strip():
            yield Row(line, license_key)


def _read_csv(text: TextIO) -> Iterator[Row]:
    reader = csv.reader(_lines(text), strict=True)
    header = [name.strip().lower() for name in next(reader, [])]
    if LICENSE_KEY_COLUMN not in header:
        raise FileError(f"The CSV file needs a header with the column {LICENSE_KEY_COLUMN}, separated by commas.")
    pick_license_key = header.index(LICENSE_KEY_COLUMN)
    picks = [header.index(name) if name in header else None for name in TERMS_COLUMNS]
    while True:
        first_line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(reader.line_num, "", problem=f"The row that begins on line {first_line} is not CSV: {error}.")
            continue
        if not values:
            continue
        if len(values) != len(header):
            yield Row(reader.line_num, "", problem=f"The row has {len(values)} fields, the header {len(header)}.")
            continue
        terms = tuple([None if pick is None else values[pick] or None for pick in picks])
        yield Row(reader.line_num, values[pick_license_key].strip(), terms)


def _read_ndjson(text: TextIO) -> Iterator[Row]:
    for line, content in enumerate(_lines(text), start=1):
        if not content.strip():
            continue
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        license_key = document.get(LICENSE_KEY_COLUMN) if isinstance(document, dict) else None
        if not isinstance(document, dict) or not isinstance(license_key, str):
            yield Row(line, "", problem=f"The line is not a JSON object with a text {LICENSE_KEY_COLUMN}.")
            continue
        terms = tuple([document.get(name) for name in TERMS_COLUMNS])
        # True and 1.0 are equal to 1 in Python, and equal terms are checked once.
        if not all(type(value) in _TERM_TYPES for value in terms):
            yield Row(line, license_key, problem="A member is neither text nor an integer.")
            continue
        yield Row(line, license_key.strip(), terms)


_TERM_TYPES = (str, int, type(None))


def _write_text(text: TextIO, license_keys: Iterable[LicenseKey]) -> int:
    return _write_lines(text, (license_key.license_key for license_key in license_keys))


def _write_csv(text: TextIO, license_keys: Iterable[LicenseKey]) -> int:
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([LICENSE_KEY_COLUMN, *TERMS_COLUMNS])
    count = 0
    for count, license_key in enumerate(license_keys, start=1):  # noqa: B007 - counts what it writes
        writer.writerow([license_key.license_key, *_terms_of(license_key)])
    return count


def _write_ndjson(text: TextIO, license_keys: Iterable[LicenseKey]) -> int:
    return _write_lines(text, map(_to_json, license_keys))


def _to_json(license_key: LicenseKey) -> str:
    members = zip(TERMS_COLUMNS, _terms_of(license_key), strict=True)
    document = {LICENSE_KEY_COLUMN: license_key.license_key} | {
        name: value for name, value in members if value is not None
    }
    return json.dumps(document, ensure_ascii=False)


def _write_lines(text: TextIO, lines: Iterable[str]) -> int:
    count = 0
    for count, line in enumerate(lines, start=1):  # noqa: B007 - counts what it writes
        text.write(line + "\n")
    return count


def _terms_of(license_key: LicenseKey) -> Sequence[Any]:
    terms = license_key.terms
    assigned_at = None if terms.assigned_at is None else f"{terms.assigned_at:%Y-%m-%d %H:%M:%S}"
    shared = (terms.product_id, terms.activation_limit, terms.validity, terms.status.value)
    return (*shared, terms.owner_name, terms.owner_email, assigned_at)


_READERS: dict[FileFormat, Callable[[TextIO], Iterator[Row]]] = {
    FileFormat.CSV: _read_csv,
    FileFormat.NDJSON: _read_ndjson,
    FileFormat.TEXT: _read_text,
}

_WRITERS: dict[FileFormat, Callable[[TextIO, Iterable[LicenseKey]], int]] = {
    FileFormat.CSV: _write_csv,
    FileFormat.NDJSON: _write_ndjson,
    FileFormat.TEXT: _write_text,
}
