"""Reading texts line by line, and telling from the first lines that a text does not hold one license key a line."""

from __future__ import annotations

import re
import unicodedata
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from flask_licensing.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_LINE_LENGTH = 262_144
"""Longest line that is read, in characters: a license key with its terms, and metadata of several long values."""

LOOKED_AT = 20
"""How many lines the first one is compared with."""

_BINARY = "a binary file or UTF-16"
_HEADER = "a header"

_SIGNS = {
    _BINARY: re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|^\udcff\udcfe|^\udcfe\udcff|^%PDF"),
    "markup or a comment": re.compile(r"^[<#]|^\{\\|^---|^//|^/\*|^([-*>•]|\d+[.)])\s"),
    "JSON": re.compile(r"^\[|^\{\s*(\"|$)"),
    "CSV": re.compile(r"[,;|\t\"]|^'"),
    _HEADER: re.compile(
        r"^((software|product|licen[cs]e|activation|serial|key|code|number|id|list)s?[\W_]*)+$"
        r"|^[^\W\d][\w -]*(:(\s|$)|\s*=\s*[^=\s])",
        re.IGNORECASE,
    ),
}

_OF_WORDS = frozenset({"Ll", "Lo", "Zs"})
_OF_LICENSE_KEYS = frozenset({"Nd", "Pd"})
"""Unicode's categories: letters that are no capitals, and spaces; digits and dashes."""

_WORD = re.compile(r"[^\W\d_]{2}")

_NOT_UTF_8 = re.compile("[\udc80-\udcff]")


def read_lines(text: TextIO) -> Iterator[str]:
    """Yield the lines of a text, without byte order marks at their beginning.

    Raises:
        FileError: a line is longer than :data:`MAX_LINE_LENGTH`.

    """
    for number, line in enumerate(iter(partial(text.readline, MAX_LINE_LENGTH), ""), start=1):
        if len(line) == MAX_LINE_LENGTH:
            raise FileError(f"Line {number} is longer than {MAX_LINE_LENGTH} characters.")
        # Files that were joined have a byte order mark inside, too.
        yield line.removeprefix("\ufeff")


def read_plain_license_keys(text: TextIO) -> list[str]:
    """Return what is on the lines of a text, as license keys.

    Raises:
        FileError: the first lines can't be meant as license keys, or a line is too long.

    """
    return [license_key for line in expecting_license_keys(read_lines(text)) if (license_key := line.strip())]


def expecting_license_keys(lines: Iterator[str]) -> Iterator[str]:
    """Yield the lines; refuse a file whose first ones can't be meant as license keys, though they could be stored.

    Raises:
        FileError: they can't.

    """
    for line in lines:
        if line.strip():
            first_lines = [line, *islice(lines, LOOKED_AT)]
            first, *others = filter(None, map(str.strip, first_lines))
            if found := unlike_license_key(first) or _unlike_others(first, others):
                raise looks_like(found, "a license key")
            yield from first_lines
            break
        yield line
    yield from lines


def looks_like(found: str, what: str) -> FileError:
    """Return the error that says what a file looks like, and what it should be, as its format was not named."""
    return FileError(
        f"The first line looks like {found}, not like {what}: nothing was stored. Name the format with"
        " import-license-keys --format (in Python, file_format); with --format text this line is a license key too."
    )


def unlike_license_key(line: str) -> str | None:
    """Return what a first line looks like that can't be meant as a license key, though it could be stored as one."""
    return next((name for name, sign in _SIGNS.items() if sign.search(line)), None)


def _unlike_others(first: str, others: Sequence[str]) -> str | None:
    """Return what a file looks like whose first line is not as the others.

    A header is made of words: it has small letters or spaces, which none of the others has, or lacks digits or dashes,
    which each of them has.
    """
    if _NOT_UTF_8.search(first) and any(map(_SIGNS[_BINARY].search, others)):
        return _BINARY
    if not others or not _WORD.search(first):
        return None
    in_first, *in_others = (set(map(unicodedata.category, line)) for line in (first, *others))
    more = _OF_WORDS & in_first - set().union(*in_others)
    less = _OF_LICENSE_KEYS & set.intersection(*in_others) - in_first
    return _HEADER if more or less else None
