"""A request's body, read once, bounded, and parsed into fields, whatever its media type (contract section 3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.formparser import FormDataParser

from flask_licensing.core.fields import REPEATED
from flask_licensing.core.json_values import MAX_JSON_DEPTH, read_json
from flask_licensing.errors import MalformedRequest, RequestTooLarge, TooManyValues, UnsupportedMediaType
from flask_licensing.http.form_parser import MAX_FIELDS, header_parameters, multipart_fields, url_encoded_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import IO
    from wsgiref.types import WSGIEnvironment

    from flask import Request

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
JSON = "application/json"

MAX_CONTENT_TYPE_SIZE = 1024
"""Most characters of a ``Content-Type``."""

_LENGTH = re.compile("[0-9]{0,18}")
_VERSIONS_WITHOUT_CHUNKS = ("HTTP/2", "HTTP/3")


class _StrictFormParser(FormDataParser):
    """Reads a form as this package does where the site's own code asks for it first.

    Werkzeug passes on bytes that are not UTF-8, takes a form that breaks off for an empty one, reads part headers of
    any number and size, and chooses where a part has two names.
    """

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> Any:
        """Return stream, fields and no files; raise :class:`MalformedRequest` where the body is no form."""
        if mimetype not in {FORM, MULTIPART}:
            return super().parse(stream, mimetype, content_length, options)
        body = _read_to_end(stream.read, stream, content_length)
        return stream, self.cls(_form_fields(body, mimetype, options or {})), self.cls()


def limit_body(request: Request, max_content_length: int) -> None:
    """Put the limit of bytes and the form parser of this API on one request, in place of the app's own."""
    request.form_data_parser_class = _StrictFormParser
    request.max_content_length = max_content_length


def read_body(request: Request) -> bytes:
    """Return the whole body; nothing where it is a form that the site has read already.

    Raises:
        MalformedRequest: it breaks off, the server can't read it, or its headers can be read in more than one way.
        werkzeug.exceptions.RequestEntityTooLarge: it is over the limit.

    """
    _check_length(request.environ)
    content_type = request.headers.get("Content-Type", "")
    if len(content_type) > MAX_CONTENT_TYPE_SIZE:
        raise MalformedRequest(f"The Content-Type has more than {MAX_CONTENT_TYPE_SIZE} characters")
    if request.mimetype == MULTIPART:
        header_parameters(content_type)
    return b"" if _is_read_form(request) else _read_to_end(request.get_data, request.stream, request.content_length)


def read_fields(request: Request, body: bytes, *, longest_array: int) -> dict[str, Any]:
    """Return the fields of a body by name; one sent more than once is :data:`~flask_licensing.core.fields.REPEATED`.

    A JSON body may have an array of ``longest_array`` values, and ``MAX_FIELDS`` values beside it.

    Raises:
        MalformedRequest: the body is not what its media type says.
        RequestTooLarge: a JSON body has too many values, or a form too many parts.
        UnsupportedMediaType: the body is neither a form nor JSON, or is compressed.

    """
    if request.headers.get("Content-Encoding", "").strip().lower() not in {"", "identity"}:
        # RFC 7694 section 3: the header says which encodings are taken.
        raise UnsupportedMediaType("The body must not be compressed", headers={"Accept-Encoding": "identity"})
    if request.mimetype == JSON:
        return _json_fields(body, max_values=longest_array + MAX_FIELDS)
    if _is_read_form(request):
        return _by_name(request.form.items(multi=True))
    if request.mimetype in {FORM, MULTIPART}:
        return _by_name(_form_fields(body, request.mimetype, request.mimetype_params))
    if not request.mimetype and not body:
        return {}
    raise UnsupportedMediaType(f"The body must be {FORM}, {MULTIPART} or {JSON}")


def read_query(request: Request) -> dict[str, Any]:
    """Return the fields of a query by name, as those of a form.

    Raises:
        MalformedRequest: it is not UTF-8, or has too many fields.

    """
    return _by_name(url_encoded_fields(request.query_string, what="query"))


def _is_read_form(request: Request) -> bool:
    return request.mimetype in {FORM, MULTIPART} and "form" in vars(request)


def _check_length(environ: WSGIEnvironment) -> None:
    """Raise :class:`MalformedRequest` where it is not certain how long the body is: Werkzeug takes it for empty."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not _LENGTH.fullmatch(length):
        raise MalformedRequest("The Content-Length is no number")
    if environ.get("wsgi.input_terminated"):
        return
    # uWSGI passes on nothing of a body in chunks, or the chunks as they are where there is a length too; Hypercorn
    # passes on a body that broke off as if it were whole.
    has_chunks = "HTTP_TRANSFER_ENCODING" in environ
    if has_chunks or (not length and environ["SERVER_PROTOCOL"].startswith(_VERSIONS_WITHOUT_CHUNKS)):
        raise MalformedRequest("Send a Content-Length and no chunks: this web server does not say where they end")


def _read_to_end(read: Callable[[], bytes], stream: IO[bytes], content_length: int | None) -> bytes:
    """Return the body that ``read`` reads from ``stream``; ``content_length`` is ``None`` where none was declared."""
    try:
        body = read()
        if content_length is None:
            # What has no declared length is cut off at the limit without a word; only the next read tells.
            stream.read(1)
    except HTTPException:
        raise
    except Exception as error:
        # gunicorn raises a plain Exception of its own where a body is not chunked as it says.
        raise MalformedRequest("The body can't be read") from error
    if content_length is not None and len(body) != content_length:
        # Werkzeug leaves it to the server to notice that the client went away, and gunicorn does not.
        raise MalformedRequest("The body breaks off")
    return body


def _form_fields(body: bytes, mimetype: str, options: dict[str, str]) -> Iterator[tuple[str, str]]:
    return multipart_fields(body, options.get("boundary", "")) if mimetype == MULTIPART else url_encoded_fields(body)


def _json_fields(body: bytes, *, max_values: int) -> dict[str, Any]:
    try:
        document = read_json(body.decode(), max_values=max_values, object_pairs_hook=_by_name)
    except UnicodeDecodeError:
        raise MalformedRequest("The body is not UTF-8") from None
    except TooManyValues:
        raise RequestTooLarge(f"The JSON body has more than {max_values} values") from None
    except ValueError:
        raise MalformedRequest(f"The body is not JSON, or is nested more than {MAX_JSON_DEPTH} deep") from None
    if not isinstance(document, dict):
        raise MalformedRequest("The JSON body must be an object")
    return document


def _by_name(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        fields[name] = REPEATED if name in fields else value
    return fields
