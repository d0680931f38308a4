"""Drawing license keys from the operating system's randomness, and how many different ones a generator makes."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING

from flask_licensing.core.readable_keys import CHECK_SYMBOLS, SYMBOLS, add_check_symbols
from flask_licensing.generators.store import GeneratorMethod

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_licensing.generators.store import Generator

SPACE_PER_LICENSE_KEY = 2**20
"""How many different license keys a generator makes for each one that is stored, at least: so rarely does one that is
guessed exist, and so rarely is one drawn that exists already."""

_UUID_BYTES = 16
_UUID_SPACE = 2**122


def space_of(generator: Generator) -> int | None:
    """Return how many different license keys a generator makes; ``None`` where only the site's function knows."""
    length = generator.number_of_chunks * generator.chunk_length
    match generator.method:
        case GeneratorMethod.UUID:
            return _UUID_SPACE
        case GeneratorMethod.CHUNK_SYSTEM:
            return int(len(generator.charset) ** length)
        case GeneratorMethod.READABLE:
            return int(len(SYMBOLS) ** max(length - CHECK_SYMBOLS, 0))
        case GeneratorMethod.CUSTOM:
            return None


def draw_license_key(generator: Generator) -> str:
    """Return a license key, each with the same probability, of a method other than ``custom``."""
    if generator.method is GeneratorMethod.UUID:
        made = str(uuid.UUID(bytes=secrets.token_bytes(_UUID_BYTES), version=4))
        return f"{generator.prefix}{made}{generator.suffix}"
    length = generator.number_of_chunks * generator.chunk_length
    if generator.method is GeneratorMethod.READABLE:
        drawn = _draw_digits(len(SYMBOLS), length - CHECK_SYMBOLS)
        return add_check_symbols(generator.prefix, drawn, generator.suffix, generator.chunk_length)
    text = "".join(generator.charset[digit] for digit in _draw_digits(len(generator.charset), length))
    chunks = [text[start : start + generator.chunk_length] for start in range(0, length, generator.chunk_length)]
    return f"{generator.prefix}{'-'.join(chunks)}{generator.suffix}"


def _draw_digits(base: int, length: int) -> Sequence[int]:
    """Return so many random digits: of one random number, as a call for each digit takes ten times as long."""
    number = secrets.randbelow(base**length)
    digits = []
    for _ in range(length):
        number, digit = divmod(number, base)
        digits.append(digit)
    return digits
