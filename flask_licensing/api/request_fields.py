"""The fields of a request, whatever the media type of its body (contract section 3)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl

from flask_licensing.errors import MalformedRequest, UnsupportedMediaType
from flask_licensing.schemas import REPEATED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Request

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
JSON = "application/json"

MAX_FIELDS = 1000
"""Most fields of a form, many times what any endpoint has."""


def limit_body(request: Request, max_content_length: int) -> None:
    """Put the limits of this API on one request, in place of the app's own."""
    request.max_content_length = max_content_length
    request.max_form_memory_size = max_content_length
    request.max_form_parts = MAX_FIELDS


def read_fields(request: Request) -> dict[str, Any]:
    """Return the fields of the body by name; one sent more than once is :data:`~flask_licensing.schemas.REPEATED`.

    Raises:
        MalformedRequest: the body is not what its media type says.
        UnsupportedMediaType: the body is neither a form nor JSON.
        werkzeug.exceptions.RequestEntityTooLarge: the body is over the limit.

    """
    if request.mimetype == JSON:
        return _json_fields(request)
    if request.mimetype == MULTIPART:
        return _multipart_fields(request)
    if request.mimetype == FORM:
        return _form_fields(request)
    if not request.mimetype and not request.get_data():
        return {}
    raise UnsupportedMediaType(f"The body must be {FORM}, {MULTIPART} or {JSON}")


def _form_fields(request: Request) -> dict[str, Any]:
    if "form" in request.__dict__:  # the host read the form already, and with it the stream
        return _by_name(request.form.items(multi=True))
    # Most escapes in a JSON array are these two. Replacing them at once, which gives the same text, takes a fraction of
    # the time of unquoting them one by one, which is the largest part of a large request.
    text = _text(request).replace("%22", '"').replace("%2C", ",")
    try:
        # Werkzeug would pass percent-encoded bytes that are not UTF-8 on as text.
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise MalformedRequest("The form is not UTF-8") from None
    except ValueError:
        raise MalformedRequest(f"The form has more than {MAX_FIELDS} fields") from None
    return _by_name(pairs)


def _multipart_fields(request: Request) -> dict[str, Any]:
    if not request.mimetype_params.get("boundary"):
        raise MalformedRequest("The multipart form has no boundary")
    sent_fields = _by_name(request.form.items(multi=True))
    # Werkzeug decodes parts with the replacement character in place of what is not UTF-8.
    if any("\ufffd" in value for value in sent_fields.values() if isinstance(value, str)):
        raise MalformedRequest("The form is not UTF-8")
    return sent_fields


def _json_fields(request: Request) -> dict[str, Any]:
    try:
        document = json.loads(_text(request), object_pairs_hook=_by_name, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not JSON") from None
    if not isinstance(document, dict):
        raise MalformedRequest("The JSON body must be an object")
    return document


def _text(request: Request) -> str:
    try:
        return request.get_data().decode()
    except UnicodeDecodeError:
        raise MalformedRequest("The body is not UTF-8") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _by_name(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        fields[name] = REPEATED if name in fields else value
    return fields
