"""Programs that tests run in a folder of their own: the project's command lines, and what those print for a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PROJECT = Path(__file__).parents[1]

THIS_PROJECT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS_")},
    "PYTHONPATH": str(PROJECT),
}
"""The environment of programs that import the project from where it is.

Their coverage is not measured, which would take a third more time: what they run is run in the tests' process too.
"""

PATIENCE_SECONDS = 30.0
"""How long a test waits for what has to happen."""


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] = THIS_PROJECT
) -> subprocess.CompletedProcess[str]:
    """Run a command; skip where its program is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}: install it, as with “apt-get install {command[0]}”, and have it on the PATH")
    return subprocess.run(  # noqa: S603 - the tests' own commands
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def run_python(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run this interpreter with the project importable and environment variables beside it."""
    return run([sys.executable, *arguments], folder, THIS_PROJECT | variables)


@contextmanager
def running_server(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] = THIS_PROJECT
) -> Iterator[str]:
    """Run Flask's development server while the block runs, from when it listens; yield its URL."""
    with subprocess.Popen(  # noqa: S603 - the tests' own commands
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            log = []
            for line in server.stderr or ():
                log.append(line)
                if "Running on" in line:
                    break
            else:
                pytest.fail(f"the server did not start: {''.join(log)}")
            yield log[-1].split()[-1]
        finally:
            server.terminate()


def wait_until(condition: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Return once the condition holds; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not so within {seconds} seconds: {condition}")
        time.sleep(0.01)
