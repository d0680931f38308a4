"""Parsing forms strictly: what is no proper form is refused, not guessed at (contract section 3)."""

from __future__ import annotations

import codecs
import re
from binascii import a2b_qp
from typing import TYPE_CHECKING

from flask_licensing.errors import MalformedRequest, RequestTooLarge, UnsupportedMediaType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_FIELDS = 1000
"""Most fields of a form, many times what any endpoint has."""

MAX_PART_HEADERS = 8
MAX_PART_HEADERS_SIZE = 2048
"""Most header lines of a part of a multipart form, and most bytes of them."""

_BARE_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]", re.ASCII)
"""RFC 2046 section 5.1.1."""

_NAME = r"[0-9A-Za-z!#$%&'+.^_`|~-]+"
"""RFC 9110 section 5.6.2 without the asterisk, with which a parameter could have a second form (RFC 8187)."""

_HEADER = re.compile(rf"({_NAME}):[ \t]*([^\x00-\x08\n-\x1f\x7f]*)")
_PARAMETER = re.compile(rf'[ \t]*;[ \t]*(?:({_NAME})=(?:"([^"\\\x00-\x1f\x7f]*)"|({_NAME})))?[ \t]*')

_PART_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1"})
"""Names are compared here: asking Python for a codec of an unknown name keeps that name in memory for good."""

_PLAIN_TRANSFER_ENCODINGS = frozenset({"", "7bit", "8bit", "binary"})


def header_parameters(header: str) -> tuple[str, dict[str, str]]:
    """Return the value of a header, in lower case, and its parameters.

    Raises:
        MalformedRequest: they can be read in more than one way, as where one is there twice or has an asterisk.

    """
    value = header.partition(";")[0]
    parameters: dict[str, str] = {}
    position = len(value)
    while position < len(header):
        found = _PARAMETER.match(header, position)
        name = found[1].lower() if found and found[1] else None
        if found is None or name in parameters:
            raise MalformedRequest("The parameters of a header are not well formed, or one is there twice")
        if name:
            parameters[name] = found[2] if found[3] is None else found[3]
        position = found.end()
    return value.strip(" \t").lower(), parameters


def url_encoded_fields(body: bytes, *, what: str = "form") -> Iterator[tuple[str, str]]:
    """Yield name and value of each field of a URL-encoded form, or ``what`` it is.

    Raises:
        MalformedRequest: it is not a form, is not UTF-8, or has more than :data:`MAX_FIELDS` fields.

    """
    if body.count(b"&") >= MAX_FIELDS:
        raise MalformedRequest(f"The {what} has more than {MAX_FIELDS} fields")
    if body.startswith(codecs.BOM_UTF8):
        raise MalformedRequest(f"The {what} begins with a byte order mark")
    # Some clients do not escape a percent sign; a body with many of those is not a form.
    body, bare_percents = _BARE_PERCENT.subn(b"%25", body, MAX_FIELDS + 1)
    if bare_percents > MAX_FIELDS:
        raise MalformedRequest(f"The {what} has more than {MAX_FIELDS} percent signs that begin no escape")
    for pair in filter(None, body.split(b"&")):
        name, _, value = pair.partition(b"=")
        yield _unescaped(name), _unescaped(value)


def _unescaped(text: bytes) -> str:
    # Quoted-printable is the same with another sign. urllib's own functions make two objects for each escape, which
    # took a hundred times as long and twenty times the memory of the text.
    quoted_printable = text.replace(b"+", b" ").replace(b"=", b"=3D").replace(b"%", b"=")
    return _text(a2b_qp(quoted_printable), "utf-8")


def multipart_fields(body: bytes, boundary: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of each part of a multipart form.

    Raises:
        MalformedRequest: it is not multipart, or can be read in more than one way.
        RequestTooLarge: it has more than :data:`MAX_FIELDS` parts.
        UnsupportedMediaType: a part is in another charset than those that are taken, or in a transfer encoding.

    """
    if not _BOUNDARY.fullmatch(boundary):
        raise MalformedRequest("The multipart form has no boundary, or one that can't be one")
    delimiter = b"\r\n--" + boundary.encode("ascii")
    if not body.startswith(b"\r\n"):
        body = b"\r\n" + body
    if body.count(delimiter) > MAX_FIELDS + 1:
        raise RequestTooLarge(f"The form has more than {MAX_FIELDS} fields")
    preamble, *parts = body.split(delimiter)
    if preamble or not parts or parts.pop() not in {b"--", b"--\r\n"}:
        raise MalformedRequest("The multipart form breaks off, or has something before or behind its parts")
    for part in parts:
        yield _field(part)


def _field(part: bytes) -> tuple[str, str]:
    end = part.find(b"\r\n\r\n", 0, MAX_PART_HEADERS_SIZE)
    if end < 0 or not part.startswith(b"\r\n"):
        raise MalformedRequest(f"The headers of a part do not end within {MAX_PART_HEADERS_SIZE} bytes")
    headers = _part_headers(_text(part[2:end], "utf-8"))
    disposition, parameters = header_parameters(headers.get("content-disposition", ""))
    if disposition != "form-data" or parameters.keys() != {"name"}:
        raise MalformedRequest("A part of the multipart form is not “form-data” with a name and nothing else")
    return parameters["name"], _text(part[end + 4 :], _charset(headers))


def _part_headers(text: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in text.split("\r\n"):
        found = _HEADER.fullmatch(line)
        if found is None or found[1].lower() in headers or len(headers) == MAX_PART_HEADERS:
            raise MalformedRequest(
                "A header of a part of the multipart form is not well formed, is there twice, or is one too many"
            )
        headers[found[1].lower()] = found[2]
    return headers


def _charset(headers: Mapping[str, str]) -> str:
    """Return the charset of a part; its own counts, as in clients whose parts are ISO-8859-1 by default."""
    if headers.get("content-transfer-encoding", "").strip(" \t").lower() not in _PLAIN_TRANSFER_ENCODINGS:
        raise UnsupportedMediaType("A part of the multipart form must not have a transfer encoding")
    media_type, parameters = header_parameters(headers.get("content-type", ""))
    if media_type.startswith("multipart/"):
        raise MalformedRequest("A part of the multipart form is a multipart of its own")
    charset = parameters.get("charset", "utf-8").lower()
    if charset not in _PART_CHARSETS:
        raise UnsupportedMediaType("A part of the multipart form must be in UTF-8, US-ASCII or ISO-8859-1")
    return charset


def _text(content: bytes, charset: str) -> str:
    try:
        return content.decode(charset)
    except UnicodeDecodeError:
        raise MalformedRequest(f"The form is not {charset.upper()}") from None
