"""The fields of a request, whatever the media type of its body (contract section 3)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from flask_licensing.api.form_parser import FORM, MULTIPART, StrictFormParser
from flask_licensing.api.request_body import read_to_end
from flask_licensing.errors import MalformedRequest, RequestTooLarge, UnsupportedMediaType
from flask_licensing.json_values import has_more_values
from flask_licensing.schemas import REPEATED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Request

JSON = "application/json"

MAX_FIELDS = 1000
"""Most fields of a form, many times what any endpoint has."""

MAX_JSON_DEPTH = 32
"""How deep the arrays and objects of a JSON body may be nested, the body itself included."""


def limit_body(request: Request, max_content_length: int) -> None:
    """Put the limits and the form parser of this API on one request, in place of the app's own."""
    request.form_data_parser_class = StrictFormParser
    request.max_content_length = max_content_length
    request.max_form_memory_size = max_content_length
    request.max_form_parts = MAX_FIELDS


def read_body(request: Request) -> bytes:
    """Return the whole body; nothing where it is a form that the site has read already.

    Raises:
        MalformedRequest: it breaks off, or the server can't read it.
        werkzeug.exceptions.RequestEntityTooLarge: it is over the limit.

    """
    if request.mimetype in {FORM, MULTIPART} and "form" in vars(request):
        return b""
    return read_to_end(request.get_data, request.stream, request.content_length)


def read_fields(request: Request, *, longest_array: int) -> dict[str, Any]:
    """Return the fields of the body by name; one sent more than once is :data:`~flask_licensing.schemas.REPEATED`.

    A JSON body may have an array of ``longest_array`` values, and :data:`MAX_FIELDS` values beside it.

    Raises:
        MalformedRequest: the body is not what its media type says.
        RequestTooLarge: a JSON body has too many values.
        UnsupportedMediaType: the body is neither a form nor JSON, or is compressed.
        werkzeug.exceptions.RequestEntityTooLarge: the body is over the limit.

    """
    if request.headers.get("Content-Encoding", "").strip().lower() not in {"", "identity"}:
        # RFC 7694 section 3: the header says which encodings are taken.
        raise UnsupportedMediaType("The body must not be compressed", headers={"Accept-Encoding": "identity"})
    if request.mimetype == JSON:
        return _json_fields(_text(request), max_values=longest_array + MAX_FIELDS)
    if request.mimetype in {FORM, MULTIPART}:
        return _by_name(request.form.items(multi=True))
    if not request.mimetype and not read_body(request):
        return {}
    raise UnsupportedMediaType(f"The body must be {FORM}, {MULTIPART} or {JSON}")


def _json_fields(text: str, *, max_values: int) -> dict[str, Any]:
    if has_more_values(text, max_values):
        raise RequestTooLarge(f"The JSON body has more than {max_values} values")
    try:
        document = json.loads(text, object_pairs_hook=_by_name, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not JSON") from None
    if not isinstance(document, dict):
        raise MalformedRequest("The JSON body must be an object")
    if _is_deeper(document, MAX_JSON_DEPTH):
        raise MalformedRequest(f"The JSON body is nested more than {MAX_JSON_DEPTH} deep")
    return document


def _is_deeper(document: dict[str, Any], limit: int) -> bool:
    level: list[Any] = [document]
    for _ in range(limit):
        members = (container.values() if isinstance(container, dict) else container for container in level)
        level = [member for of_one in members for member in of_one if isinstance(member, dict | list)]
    return bool(level)


def _text(request: Request) -> str:
    try:
        return read_body(request).decode()
    except UnicodeDecodeError:
        raise MalformedRequest("The body is not UTF-8") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _by_name(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        fields[name] = REPEATED if name in fields else value
    return fields
