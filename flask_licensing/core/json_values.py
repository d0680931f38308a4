"""Reading JSON from strangers: what would take many times its own bytes in memory is refused before it is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from flask_licensing.errors import TooManyValues

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_JSON_DEPTH = 32
"""How deep arrays and objects may be nested, the outermost included."""

_TO_SQUARE_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def read_json(
    document: str, *, max_values: int, object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None
) -> Any:
    """Return the value of a JSON document; ``object_pairs_hook`` makes something else than a dict of each object.

    Raises:
        TooManyValues: it has more than ``max_values`` commas and opening brackets, or quotes for as many members.
        ValueError: it is not JSON, or nested more than :data:`MAX_JSON_DEPTH` deep.

    """
    openings = document.count("[") + document.count("{")
    # Most documents are fine at a glance.
    if openings > MAX_JSON_DEPTH or openings + document.count(",") > max_values:
        _check_structure(document.encode("utf-8", "surrogatepass"), max_values)
    return json.loads(document, object_pairs_hook=object_pairs_hook, parse_constant=_refuse_constant)


def _check_structure(document: bytes, max_values: int) -> None:
    """Look at what is outside of strings, in passes over the whole that make no object for each value."""
    unescaped = document.replace(rb"\\", b"").replace(rb"\"", b"")
    # A member of an object is two strings, and the outermost value may be another one.
    if unescaped.count(b'"') > 4 * max_values + 2:
        raise TooManyValues
    outside = b"".join(unescaped.split(b'"')[::2])
    if sum(map(outside.count, (b",", b"[", b"{"))) > max_values:
        raise TooManyValues
    brackets = outside.translate(_TO_SQUARE_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_JSON_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise ValueError("not closed, or too deep")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
