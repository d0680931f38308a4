"""Reading the body of a request to its end, or finding that it has none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException

from flask_licensing.errors import MalformedRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO
    from wsgiref.types import WSGIEnvironment

_LENGTH = re.compile("[0-9]{0,18}")
_VERSIONS_WITHOUT_CHUNKS = ("HTTP/2", "HTTP/3")


def check_length(environ: WSGIEnvironment) -> None:
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


def read_to_end(read: Callable[[], bytes], stream: IO[bytes], content_length: int | None) -> bytes:
    """Return the body that ``read`` reads from ``stream``; ``content_length`` is ``None`` where none was declared.

    Raises:
        MalformedRequest: it breaks off, or the server can't read it.
        werkzeug.exceptions.RequestEntityTooLarge: it is over the limit.

    """
    body = read_from_server(read)
    if content_length is None:
        # What has no declared length is cut off at the limit without a word; only the next read tells.
        read_from_server(lambda: stream.read(1))
    elif len(body) != content_length:
        # Werkzeug leaves it to the server to notice that the client went away, and gunicorn does not.
        raise MalformedRequest("The body breaks off")
    return body


def read_from_server(read: Callable[[], bytes]) -> bytes:
    """Return what ``read`` does; raise :class:`MalformedRequest` for whatever error a WSGI server has of its own."""
    try:
        return read()
    except HTTPException:
        raise
    except Exception as error:
        # gunicorn raises a plain Exception of its own where a body is not chunked as it says.
        raise MalformedRequest("The body can't be read") from error
