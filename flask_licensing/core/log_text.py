"""Texts from outside, made safe for a log."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text on one line: whatever is not printable, as line breaks and terminal escapes, is escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
