"""Reading texts line by line, and telling from the first line that a text does not hold one license key a line."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, TextIO

from flask_licensing.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_LINE_LENGTH = 65_536
"""Longest line that is read, in characters: many times the longest license key with its terms."""

_SIGNS = {
    "a binary file or UTF-16": re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|^\udcff\udcfe|^\udcfe\udcff|^%PDF"),
    "markup or a comment": re.compile(r"^[<#]|^\{\\|^---"),
    "JSON": re.compile(r"^\[|^\{\s*(\"|$)"),
    "CSV": re.compile(r"[,;|\t\"]"),
    "a header": re.compile(
        r"^((software|product|licen[cs]e|activation|serial|key|code|number|id|list)s?[\W_]*)+$", re.IGNORECASE
    ),
}


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
        FileError: the first line can't be meant as a license key, or a line is too long.

    """
    lines = expecting(read_lines(text), "a license key", unlike_license_key)
    return [license_key for line in lines if (license_key := line.strip())]


def expecting(lines: Iterator[str], what: str, unlike: Callable[[str], str | None]) -> Iterator[str]:
    """Yield the lines; refuse the file where ``unlike`` says that its first one looks like something else.

    Raises:
        FileError: it does.

    """
    for line in lines:
        if content := line.strip():
            if found := unlike(content):
                raise FileError(
                    f"The first line looks like {found}, not like {what}: nothing was stored."
                    " Name the format with import-license-keys --format (in Python, file_format)."
                )
            yield line
            break
        yield line
    yield from lines


def unlike_license_key(line: str) -> str | None:
    """Return what a first line looks like that can't be meant as a license key, though it could be stored as one."""
    return next((name for name, sign in _SIGNS.items() if sign.search(line)), None)
