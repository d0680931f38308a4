"""The load generator: requests made beforehand, sent over plain sockets, so that the client costs next to nothing."""

from __future__ import annotations

import json
import secrets
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.site import Site

PATH = "/api/v1/create-license-keys"
TIMEOUT_SECONDS = 120
_CHUNK = 65_536
_FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Load:
    """How long requests took: all of them together, and each, in seconds."""

    seconds: float
    latencies: list[float]


def new_license_keys(count: int) -> list[str]:
    """Return random license keys that nobody made before."""
    texts = (secrets.token_hex(12).upper() for _ in range(count))
    return [f"{text[:6]}-{text[6:12]}-{text[12:18]}-{text[18:]}" for text in texts]


def _form(site: Site, license_keys: Sequence[str]) -> bytes:
    fields = {
        "license_keys": json.dumps(license_keys),
        "product_id": site.product_id,
        "activation_limit": 0,
        "validity": 0,
        "status": "available",
    }
    return urlencode(fields).encode()


def form_request(site: Site, license_keys: Sequence[str], *, idempotency_key: str | None = None) -> bytes:
    """Return the bytes of a request that creates license keys."""
    body = _form(site, license_keys)
    idempotency = f"Idempotency-Key: {idempotency_key}\r\n" if idempotency_key else ""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {site.secret}\r\n"
        f"{idempotency}Content-Type: {_FORM_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def form_environ(site: Site, license_keys: Sequence[str]) -> dict[str, Any]:
    """Return the WSGI environment of the same request."""
    body = _form(site, license_keys)
    headers = Headers({"Authorization": f"Bearer {site.secret}"})
    return EnvironBuilder(PATH, method="POST", headers=headers, data=body, content_type=_FORM_TYPE).get_environ()


def send(port: int, request: bytes, expected: bytes) -> float:
    """Send a request over a connection of its own and return the seconds until its answer is there.

    Raises:
        RuntimeError: the answer does not hold the ``expected`` bytes.

    """
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(_CHUNK):
            answer += chunk
    seconds = time.perf_counter() - started
    if expected not in answer:
        raise RuntimeError(f"the server answered {answer[:1000]!r}, without {expected!r}")
    return seconds


def send_all(port: int, requests: Sequence[bytes], expected: bytes, clients: int) -> Load:
    """Send requests from several clients at once, each one after the other."""

    def run_client(own: Sequence[bytes]) -> list[float]:
        return [send(port, request, expected) for request in own]

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        latencies = pool.map(run_client, [requests[first::clients] for first in range(clients)])
        merged = [latency for own in latencies for latency in own]
    return Load(time.perf_counter() - started, merged)
