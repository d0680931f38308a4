"""License keys that people can type: Crockford's base32 with a check symbol, and the reading of what was typed.

The 32 symbols are the elements of the field GF(2^5), the value of a symbol being its bits; addition is XOR. A license
key, its prefix and suffix included, is the symbols ``x[0]``, ``x[1]``, … counted from its end without its dashes, and

* the sum of ``a^i * x[i]`` is 0, where ``a`` generates the field: this is the check;
* the sum of all ``x[i]`` is the length of the groups minus 1, so that dashes can be put back.

A wrong symbol changes the first sum by ``a^i * d`` with ``d`` not 0, which is not 0. Two swapped symbols change it by
``(a^i + a^j) * (x[i] + x[j])``, which is not 0 either where they differ and stand less than 31 symbols apart, as
``a`` has the order 31.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask_licensing.errors import MistypedLicenseKey

if TYPE_CHECKING:
    from collections.abc import Sequence

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""The symbols of Crockford's base32, by value: without I, L, O and U."""

CHECK_SYMBOLS = 2
"""How many symbols of a license key follow from the others: one for each of the two sums."""

_ALIKE = {"O": "0", "I": "1", "L": "1"}
_VALUES = {
    typed: value
    for value, symbol in enumerate(SYMBOLS)
    for upper in (symbol, *(letter for letter, meant in _ALIKE.items() if meant == symbol))
    for typed in (upper, upper.lower())
}
_BETWEEN_SYMBOLS = re.compile(r"[\s\u2010-\u2015\u2212-]+")
"""White space, and what word processors make of a dash."""

_ORDER = 31
_GENERATOR, _POLYNOMIAL = 0b00010, 0b100101


def _powers() -> Sequence[int]:
    powers = [1]
    while len(powers) < _ORDER:
        doubled = powers[-1] * _GENERATOR
        powers.append(doubled ^ _POLYNOMIAL if doubled >= len(SYMBOLS) else doubled)
    return powers


_POWERS = _powers()
_LOGARITHMS = {power: exponent for exponent, power in enumerate(_POWERS)}


def _times_power(value: int, exponent: int) -> int:
    return _POWERS[(_LOGARITHMS[value] + exponent) % _ORDER] if value else 0


def _sums(values: Sequence[int]) -> tuple[int, int]:
    """Return both sums of the values of a license key, in the order in which they are read."""
    check = total = 0
    for position, value in enumerate(reversed(values)):
        check ^= _times_power(value, position)
        total ^= value
    return check, total


def add_check_symbols(prefix: str, drawn: Sequence[int], suffix: str, group_length: int) -> str:
    """Return the license key of drawn values: in groups, its last two symbols chosen so that both sums are right.

    ``prefix`` and ``suffix`` consist of symbols and dashes. The two symbols ``x[n+1]`` and ``x[n]`` solve
    ``a * x[n+1] + x[n] = c / a^n`` and ``x[n+1] + x[n] = d``, where ``c`` and ``d`` are what both sums lack.
    """
    end = _values(suffix)
    check, total = _sums([*_values(prefix), *drawn, 0, 0, *end])
    lack = total ^ (group_length - 1)
    shifted = _times_power(check, -len(end))
    last_but_one = _times_power(shifted ^ lack, -_LOGARITHMS[_GENERATOR ^ 1])
    values = [*drawn, last_but_one, last_but_one ^ lack]
    symbols = "".join(SYMBOLS[value] for value in values)
    return prefix + "-".join(re.findall(f".{{1,{group_length}}}", symbols)) + suffix


def check_typing(license_key: str) -> str:
    """Return the license key that was meant by what somebody typed; of ``readable`` generators alone.

    Case does not matter, nor where dashes and white space are; O is read as 0, I and L as 1. One wrong symbol, or two
    that are swapped and not 31 symbols or more apart, never pass. More mistakes, or symbols that are missing, pass in
    one case of 32.

    Raises:
        MistypedLicenseKey: this is no license key that was issued; ask again before asking the server.

    """
    values = _values(_BETWEEN_SYMBOLS.sub("", license_key))
    check, total = _sums(values)
    if check or len(values) <= CHECK_SYMBOLS:
        raise MistypedLicenseKey("A character of the license key is wrong, missing or swapped with another.")
    return _in_groups("".join(SYMBOLS[value] for value in values), total + 1)


def is_grouped(license_key: str, group_length: int) -> bool:
    """Whether a text consists of symbols, in groups of which only the first may be shorter."""
    symbols = license_key.replace("-", "")
    return set(symbols) <= set(SYMBOLS) and license_key == _in_groups(symbols, group_length)


def _values(typed: str) -> list[int]:
    try:
        return [_VALUES[character] for character in typed if character != "-"]
    except KeyError as error:
        raise MistypedLicenseKey(f"No license key has the character {error.args[0]!r}.") from None


def _in_groups(symbols: str, length: int) -> str:
    first = len(symbols) % length
    groups = [symbols[:first], *(symbols[start : start + length] for start in range(first, len(symbols), length))]
    return "-".join(group for group in groups if group)
