"""Large bodies that a stranger may send to wear a worker out: every kind of repetition that a parser could count."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=B"

_DISPOSITION = b'Content-Disposition: form-data; name="status"'


def _filled(start: bytes, repeated: bytes, end: bytes = b"") -> Callable[[int], bytes]:
    return lambda size: start + repeated * ((size - len(start) - len(end)) // len(repeated)) + end


def _part(start: bytes, repeated: bytes, end: bytes = b"") -> Callable[[int], bytes]:
    return _filled(b"--B\r\n" + start, repeated, end + b"\r\n\r\nvalue\r\n--B--\r\n")


def _json_text(repeated: str, *, start: str = '{"license_keys": "', end: str = '"}') -> Callable[[int], bytes]:
    return _filled(start.encode(), repeated.encode(), end.encode())


BODIES: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "ampersands": (FORM, _filled(b"", b"&")),
    "fields": (FORM, _filled(b"", b"a=&")),
    "equals signs": (FORM, _filled(b"a=", b"=")),
    "percent signs": (FORM, _filled(b"a=", b"%")),
    "escapes": (FORM, _filled(b"status=", b"%41")),
    "escapes of one letter each": (FORM, _filled(b"status=", b"%41a")),
    "escapes in a name": (FORM, _filled(b"", b"%e6%97%a5")),
    "plus signs": (FORM, _filled(b"status=", b"+")),
    "a character of four bytes in a form": (FORM, _filled("status=😀".encode(), b"a")),
    "a form without end": (FORM, _filled(b"", b"a")),
    "commas in license keys": (FORM, _filled(b"license_keys=[", b"%2C", b"]")),
    "quotes in license keys": (FORM, _filled(b"license_keys=[", b"%22", b"]")),
    "brackets in license keys": (FORM, _filled(b"license_keys=", b"[")),
    "license keys": (FORM, _filled(b"license_keys=[%22A%22", b",%22A%22", b"]")),
    "header lines": (MULTIPART, _part(b"", b"ab\n")),
    "headers": (MULTIPART, _part(_DISPOSITION + b"\r\n", b"a: b\r\n")),
    "folded lines": (MULTIPART, _part(_DISPOSITION, b"\r\n x")),
    "header parameters": (MULTIPART, _part(_DISPOSITION, b"; a=b")),
    "semicolons": (MULTIPART, _part(_DISPOSITION, b";")),
    "quotes in a header": (MULTIPART, _part(_DISPOSITION + b'; a="', b'\\"', b'"')),
    "a header without end": (MULTIPART, _part(_DISPOSITION + b"; a=", b"b")),
    "parts": (MULTIPART, _filled(b"", b"--B\r\n" + _DISPOSITION + b"\r\n\r\n\r\n", b"--B--\r\n")),
    "boundaries": (MULTIPART, _filled(b"", b"\r\n--B")),
    "almost boundaries": (MULTIPART, _filled(b"--B\r\n" + _DISPOSITION + b"\r\n\r\n", b"\r\n--", b"\r\n--B--")),
    "line breaks in a part": (MULTIPART, _filled(b"--B\r\n" + _DISPOSITION + b"\r\n\r\n", b"\r\n", b"\r\n--B--")),
    "spaces behind a boundary": (MULTIPART, _filled(b"--B", b" ")),
    "something before the parts": (MULTIPART, _filled(b"", b"a\r\n", b"--B--\r\n")),
    "quotes": (JSON, _filled(b'{"a": [', b'"', b"]}")),
    "empty strings": (JSON, _json_text('"",', start='{"a": [', end='""]}')),
    "strings of commas": (JSON, _json_text('",",', start='{"a": [', end='""]}')),
    "escaped quotes": (JSON, _json_text('\\"')),
    "backslashes": (JSON, _json_text("\\\\")),
    "escapes of JSON": (JSON, _json_text("\\u65e5")),
    "halves of characters": (JSON, _json_text("\\ud83d")),
    "a character of four bytes in JSON": (JSON, _json_text("a", start='{"status": "😀')),
    "arrays": (JSON, _json_text("[],", start='{"a": [', end="[]]}")),
    "depth": (JSON, _json_text("[", start='{"a": ', end="}")),
    "depth of objects": (JSON, _json_text('{"a":', start="", end="1}")),
    "members": (JSON, _json_text('"a":1,', start="{", end='"a":1}')),
    "members with names of their own": (
        JSON,
        lambda size: b"{" + b",".join(b'"%d":1' % number for number in range(size // 12)) + b"}",
    ),
    "a long integer": (JSON, _json_text("1", start='{"validity": ', end="}")),
    "integers as long as Python takes them": (JSON, _json_text("1" * 4300 + ",", start='{"a": [', end="1]}")),
    "a long fraction": (JSON, _json_text("1", start='{"validity": 1.', end="}")),
    "white space": (JSON, _json_text(" ", start="{", end="}")),
    "JSON in JSON": (JSON, _json_text('[\\"\\",', end='"}')),
    "another media type": ("text/plain", _filled(b"", b"a")),
}
"""By name: the media type, and what makes a body of about so many bytes."""
