"""The fields of a request, whatever the media type of its body (contract section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_licensing.api.form_parser import FORM, MAX_FIELDS, MULTIPART, StrictFormParser, header_parameters
from flask_licensing.api.request_body import check_length, read_to_end
from flask_licensing.errors import MalformedRequest, RequestTooLarge, UnsupportedMediaType
from flask_licensing.json_values import MAX_JSON_DEPTH, TooManyValues, read_json
from flask_licensing.schemas import REPEATED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Request

JSON = "application/json"

MAX_CONTENT_TYPE_SIZE = 1024
"""Most characters of a ``Content-Type``."""


def limit_body(request: Request, max_content_length: int) -> None:
    """Put the limits and the form parser of this API on one request, in place of the app's own."""
    request.form_data_parser_class = StrictFormParser
    request.max_content_length = max_content_length


def read_body(request: Request) -> bytes:
    """Return the whole body; nothing where it is a form that the site has read already.

    Raises:
        MalformedRequest: it breaks off, the server can't read it, or its headers can be read in more than one way.
        werkzeug.exceptions.RequestEntityTooLarge: it is over the limit.

    """
    check_length(request.environ)
    content_type = request.headers.get("Content-Type", "")
    if len(content_type) > MAX_CONTENT_TYPE_SIZE:
        raise MalformedRequest(f"The Content-Type has more than {MAX_CONTENT_TYPE_SIZE} characters")
    if request.mimetype == MULTIPART:
        header_parameters(content_type)
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
    try:
        document = read_json(text, max_values=max_values, object_pairs_hook=_by_name)
    except TooManyValues:
        raise RequestTooLarge(f"The JSON body has more than {max_values} values") from None
    except ValueError:
        raise MalformedRequest(f"The body is not JSON, or is nested more than {MAX_JSON_DEPTH} deep") from None
    if not isinstance(document, dict):
        raise MalformedRequest("The JSON body must be an object")
    return document


def _text(request: Request) -> str:
    try:
        return read_body(request).decode()
    except UnicodeDecodeError:
        raise MalformedRequest("The body is not UTF-8") from None


def _by_name(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        fields[name] = REPEATED if name in fields else value
    return fields
