"""Posting a body to a webhook, once, and saying what came of it.

With the standard library alone: HTTP clients resolve the name again after it was checked, follow redirects, take
proxies from the environment, or send a request a second time where the connection broke.
"""

from __future__ import annotations

import io
import socket
import ssl
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, cast

from flask_licensing._version import __version__
from flask_licensing.core.log_text import printable
from flask_licensing.core.public_addresses import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_licensing.core.networks import IpNetwork
    from flask_licensing.core.urls import WebhookUrl

CONNECT_SECONDS = 10.0
"""Most seconds until there is a connection to one of the addresses, beside the time that a name takes to resolve."""

ANSWER_SECONDS = 20.0
"""Most seconds from the first byte that is sent to the end of what is read of the answer."""

MAX_ANSWER_BYTES = 64 * 1024
"""Most bytes of an answer that are read, beside its headers; the rest does not matter."""

_SUCCESS = range(200, 300)


class Answered(NamedTuple):
    """What came of a delivery: ``is_delivered`` is ``None`` where it is unknown whether it arrived."""

    is_delivered: bool | None
    outcome: str


def connect(url: WebhookUrl, allowed: Sequence[IpNetwork]) -> Connection:
    """Connect to one of the addresses of a webhook, and check the certificate of its name where it has one.

    Raises:
        WebhookRefused: an address is in the site's own network.
        OSError: there is no connection; nothing was sent.

    """
    ends = monotonic() + CONNECT_SECONDS
    failure: OSError = TimeoutError("no address answers")
    for family, address in resolve(url.host, url.port, allowed):
        connected = socket.socket(family, socket.SOCK_STREAM)
        try:
            connected.settimeout(_left(ends))
            connected.connect(address)
            if url.scheme == "https":
                connected.settimeout(_left(ends))
                connected = ssl.create_default_context().wrap_socket(connected, server_hostname=url.host)
        except OSError as error:
            connected.close()
            failure = error
        else:
            return Connection(url, connected)
    raise failure


class Connection:
    """A connection over which nothing was sent yet."""

    def __init__(self, url: WebhookUrl, connected: socket.socket) -> None:
        self._url = url
        self._socket = connected

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def post(self, body: bytes) -> Answered:
        """Send a body, once, read the answer, and close the connection."""
        ends = monotonic() + ANSWER_SECONDS
        try:
            self._send(self._head(len(body)) + body, ends)
            status = self._read_status(ends)
        except (OSError, HTTPException) as error:
            return Answered(None, f"no answer: {describe(error)}")
        finally:
            self.close()
        return Answered(status in _SUCCESS, f"answered with status {status}")

    def _head(self, length: int) -> bytes:
        lines = (
            f"POST {self._url.target} HTTP/1.1",
            f"Host: {self._url.authority}",
            f"User-Agent: flask-licensing/{__version__}",
            "Content-Type: application/json",
            f"Content-Length: {length}",
            "Connection: close",
        )
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")

    def _send(self, request: bytes, ends: float) -> None:
        unsent = memoryview(request)
        while unsent:
            self._socket.settimeout(_left(ends))
            unsent = unsent[self._socket.send(unsent) :]

    def _read_status(self, ends: float) -> int:
        response = HTTPResponse(cast("socket.socket", _Readable(self._socket, ends)), method="POST")
        response.begin()
        # A receiver may still be at work: it is not cut off while it answers.
        with suppress(OSError, HTTPException):
            response.read(MAX_ANSWER_BYTES)
        return response.status


class _Readable(io.RawIOBase):
    """What is read of a socket until a moment, however slowly it comes."""

    def __init__(self, connected: socket.socket, ends: float) -> None:
        super().__init__()
        self._socket = connected
        self._ends = ends

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # of what BufferedReader reads into
        self._socket.settimeout(_left(self._ends))
        return self._socket.recv_into(buffer)


def describe(error: Exception) -> str:
    """Return what an error says in a few words; those of connections have neither path nor query."""
    return printable(f"{type(error).__name__}: {error}")[:200]


def _left(ends: float) -> float:
    left = ends - monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left
