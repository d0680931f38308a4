"""Redis for tests: the server that is there, whose other keys are left alone, and servers of a test's own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.programs import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

URL_VARIABLE = "LICENSING_TEST_REDIS_URL"
DEFAULT_URL = "redis://127.0.0.1:6379/"


def redis_url() -> str:
    """Return the URL of the Redis server for tests; skip where there is none."""
    url = os.environ.get(URL_VARIABLE, DEFAULT_URL)
    _need_client()
    import redis

    try:
        redis.from_url(url, socket_connect_timeout=1).ping()
    except redis.RedisError:
        pytest.skip(f"needs a Redis server: set {URL_VARIABLE} to its URL, by default {DEFAULT_URL}")
    return url


@contextmanager
def running_redis(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a Redis server of the test's own while the block runs; yield its URL and its process."""
    _need_client()
    if shutil.which("redis-server") is None:
        pytest.skip("needs redis-server: install it, as with “apt-get install redis-server”, and have it on the PATH")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:  # noqa: S603 - the test's own command
        try:
            wait_until(lambda: _listens(port))
            yield f"redis://127.0.0.1:{port}/", server
        finally:
            server.kill()


def _need_client() -> None:
    if find_spec("limits") is None or find_spec("redis") is None:
        pytest.skip("needs Flask-Limiter and the client of Redis: pip install '.[rate-limiting]'")


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
