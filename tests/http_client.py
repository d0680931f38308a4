"""A cheap HTTP client over real sockets, for tests that send many requests at once to a port of this machine."""

from __future__ import annotations

import http.client
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from tests.hosts import PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TIMEOUT_SECONDS = 60.0

Result = TypeVar("Result")


@dataclass(frozen=True)
class Answer:
    """What came back; the names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def post(
    port: int,
    fields: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    path: str = PATH,
    timeout: float = TIMEOUT_SECONDS,
) -> Answer:
    """Send a form over a connection of its own.

    Raises:
        OSError: nobody listens, or nothing came within ``timeout`` seconds.
        http.client.HTTPException: the connection ended before the answer did.

    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request("POST", path, urlencode(fields), form | dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def get(port: int, path: str, *, timeout: float = TIMEOUT_SECONDS) -> Answer:
    """Ask for a path over a connection of its own; raises as :func:`post`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def at_once(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """Make all calls at one moment, each in a thread of its own; return their results in the order of the calls."""
    barrier = threading.Barrier(len(calls))

    def wait_and_call(call: Callable[[], Result]) -> Result:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(wait_and_call, calls))
