"""Reading JSON of which every reader has to make the same: nothing twice, nothing that only some can hold."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

_INTEGERS_OF_64_BITS = range(-(2**63), 2**63)


def read_strict_json(document: str | bytes) -> object:
    """Return the value of a JSON document.

    Raises:
        ValueError: it is not JSON, is nested too deep, has a member twice, or a number that is not finite or not within
            64 bits.

    """
    try:
        return json.loads(
            document,
            object_pairs_hook=_without_repetitions,
            parse_constant=_refuse_constant,
            parse_float=_finite_number,
            parse_int=_integer_of_64_bits,
        )
    except RecursionError:
        raise ValueError("nested too deep") from None


def _finite_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _integer_of_64_bits(text: str) -> int:
    # Readers of JSON in other languages take larger ones for something else.
    number = int(text)
    if number not in _INTEGERS_OF_64_BITS:
        raise ValueError("more than 64 bits")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _without_repetitions(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members
