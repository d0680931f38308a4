"""gunicorn with several workers that serve a host app over real sockets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.http_client import Answer, post
from tests.programs import PROJECT, THIS_PROJECT, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.hosts import Host

STOP_SECONDS = 30.0


@dataclass(frozen=True)
class GunicornServer:
    """A running gunicorn: the port it listens on, its master process and the file both write their log to."""

    port: int
    pid: int
    log_file: Path

    def log(self) -> str:
        """Everything that master and workers wrote to their standard error."""
        return self.log_file.read_text()

    def worker_pids(self) -> list[int]:
        """The worker processes that run, oldest first."""
        return [pid for pid in _booted(self.log()) if _runs(pid)]

    def post(self, host: Host, *, idempotency_key: str | None = None, **changes: str) -> Answer:
        """Send a request to create license keys, with the host's API key and over a connection of its own."""
        headers = {"Authorization": f"Bearer {host.secret}"}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        return post(self.port, host.fields(**changes), headers)

    def send(self, host: Host, endpoint: str, fields: Mapping[str, str]) -> Answer:
        """Send a form to an endpoint, with the host's API key and over a connection of its own."""
        headers = {"Authorization": f"Bearer {host.secret}"}
        return post(self.port, fields, headers, path=f"/api/v1/{endpoint}")


@contextmanager
def running_gunicorn(
    folder: Path, *arguments: str, workers: int, app: str = "tests.served_host:create_app()", **variables: str
) -> Iterator[GunicornServer]:
    """Serve an app while the block runs, from when the server listens and all of its workers have started.

    ``arguments`` are gunicorn's own, ``variables`` the environment that configures the app.
    """
    if find_spec("gunicorn") is None:
        pytest.skip("needs gunicorn: pip install gunicorn")
    log_file = folder / "gunicorn.log"
    # The control socket would be the user's, shared with every other gunicorn.
    options = ["--bind=127.0.0.1:0", f"--workers={workers}", "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *options, *arguments, app]
    with (
        log_file.open("wb") as log,
        subprocess.Popen(  # noqa: S603 - the tests' own command
            command, cwd=PROJECT, env=THIS_PROJECT | variables, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            wait_until(lambda: len(_booted(log_file.read_text())) >= workers or process.poll() is not None)
            listening = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", log_file.read_text())
            if listening is None or process.poll() is not None:
                pytest.fail(f"gunicorn did not start: {log_file.read_text()}")
            yield GunicornServer(int(listening[1]), process.pid, log_file)
        finally:
            _stop(process)


def _booted(log: str) -> list[int]:
    return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", log)]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
