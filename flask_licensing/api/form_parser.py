"""Parsing forms strictly: what is no proper form is refused, not guessed at (contract section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from flask_licensing.api.request_body import read_from_server, read_to_end
from flask_licensing.errors import MalformedRequest, UnsupportedMediaType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from werkzeug.datastructures import Headers

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

_PART_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1"})
"""Names are compared here: asking Python for a codec of an unknown name keeps that name in memory for good."""

_PLAIN_TRANSFER_ENCODINGS = frozenset({"", "7bit", "8bit", "binary"})
_CHUNK_SIZE = 64 * 1024


class StrictFormParser(FormDataParser):
    """Takes the place of Werkzeug's parser on a request, also for a site that reads the form before this package.

    Werkzeug passes on bytes that are not UTF-8, and takes a form that breaks off for an empty one. Files are left out,
    as no endpoint takes any.
    """

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> Any:
        """Return stream, fields and files; raise :class:`MalformedRequest` where the body is no form."""
        if mimetype == MULTIPART:
            pairs = list(self._parts(stream, (options or {}).get("boundary", "")))
        elif mimetype == FORM:
            pairs = self._pairs(read_to_end(stream.read, stream, content_length))
        else:
            return super().parse(stream, mimetype, content_length, options)
        return stream, self.cls(pairs), self.cls()

    def _pairs(self, body: bytes) -> list[tuple[str, str]]:
        try:
            # Most escapes in a JSON array are these two. Replacing them at once, which gives the same text, takes a
            # fraction of the time of unquoting them one by one, which is the largest part of a large request.
            text = body.decode().replace("%22", '"').replace("%2C", ",")
            return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=self.max_form_parts)
        except UnicodeDecodeError:
            raise MalformedRequest("The form is not UTF-8") from None
        except ValueError:
            raise MalformedRequest(f"The form has more than {self.max_form_parts} fields") from None

    def _parts(self, stream: IO[bytes], boundary: str) -> Iterator[tuple[str, str]]:
        if not boundary or not boundary.isascii():
            raise MalformedRequest("The multipart form has no boundary")
        part: Field | File | None = None
        content: list[bytes] = []
        for event in self._events(stream, boundary.encode("ascii")):
            if isinstance(event, Field | File):
                part, content = event, []
            elif isinstance(event, Data) and isinstance(part, Field):
                content.append(event.data)
                if not event.more_data:
                    yield _checked_name(part), _decoded(b"".join(content), part.headers)

    def _events(self, stream: IO[bytes], boundary: bytes) -> Iterator[Event]:
        decoder = MultipartDecoder(boundary, self.max_form_memory_size, max_parts=self.max_form_parts)
        more = True
        try:
            while more:
                chunk = read_from_server(lambda: stream.read(_CHUNK_SIZE))
                more = bool(chunk)
                decoder.receive_data(chunk or None)
                while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
                    yield event
        except ValueError:
            raise MalformedRequest("The multipart form is not well formed, or breaks off") from None


def _checked_name(part: Field) -> str:
    # The parser answers with None where there is no name, whatever its annotation says.
    name: str | None = part.name
    if name is None:
        raise MalformedRequest("A part of the multipart form has no name")
    return name


def _decoded(content: bytes, headers: Headers) -> str:
    """Return the text of a part; its own charset counts, as in clients whose parts are ISO-8859-1 by default."""
    if headers.get("Content-Transfer-Encoding", "").lower() not in _PLAIN_TRANSFER_ENCODINGS:
        raise UnsupportedMediaType("A part of the multipart form must not have a transfer encoding")
    charset = parse_options_header(headers.get("Content-Type", ""))[1].get("charset", "utf-8").lower()
    if charset not in _PART_CHARSETS:
        raise UnsupportedMediaType("A part of the multipart form must be in UTF-8, US-ASCII or ISO-8859-1")
    try:
        return content.decode(charset)
    except UnicodeDecodeError:
        raise MalformedRequest(f"A part of the multipart form is not {charset.upper()}") from None
