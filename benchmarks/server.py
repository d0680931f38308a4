"""Servers to measure: gunicorn with sync workers, and what its workers used (Linux: read from ``/proc``)."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.site import Site

PROJECT = Path(__file__).parents[1]

APPS = {"package": "benchmarks.host_app:create_app()", "floor": "benchmarks.floor_app:create_app()"}
"""What gunicorn serves: the app with the extension, and the bare one that it is compared with."""

_BACKLOG = 256
_STOP_SECONDS = 30


@dataclass(frozen=True)
class Server:
    """A running gunicorn."""

    port: int
    process_id: int

    def worker_process_ids(self) -> list[int]:
        """Return the process ids of the workers."""
        children = Path(f"/proc/{self.process_id}/task/{self.process_id}/children").read_text()
        return [int(process_id) for process_id in children.split()]

    def cpu_seconds(self) -> float:
        """Return the CPU time of all workers so far."""
        return sum(map(_cpu_seconds, self.worker_process_ids()))

    def peak_memory(self) -> float:
        """Return the most resident memory that one worker had since its start or :meth:`forget_peak_memory`, in MB."""
        return max(map(peak_memory, self.worker_process_ids()))

    def forget_peak_memory(self) -> None:
        """Measure the peak anew from here (proc(5), ``clear_refs``)."""
        for process_id in self.worker_process_ids():
            Path(f"/proc/{process_id}/clear_refs").write_text("5")


def _cpu_seconds(process_id: int) -> float:
    # Fields 14 and 15 of proc(5) stat, after the name, which may hold spaces.
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_memory(process_id: int | str = "self") -> float:
    """Return the most resident memory that a process had, in MB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process_id}/status").read_text())
    assert found  # noqa: S101 - Linux always says
    return int(found[1]) * 1024 / 1e6


@contextmanager
def running_server(name: str, site: Site, folder: Path, *, workers: int) -> Iterator[Server]:
    """Run gunicorn for one of :data:`APPS` over a site while the block runs; its log goes to ``folder``."""
    log = folder / f"gunicorn-{name}.log"
    listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
    port, descriptor = listener.getsockname()[1], listener.fileno()
    options = f"--workers {workers} --worker-class sync --bind fd://{descriptor} --no-control-socket".split()
    with log.open("wb") as log_file:
        process = subprocess.Popen(  # noqa: S603 - this package's own command
            [sys.executable, "-m", "gunicorn", *options, APPS[name]],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(PROJECT)} | site.environment,
            stdout=log_file,
            stderr=log_file,
            pass_fds=[descriptor],
        )
    # With no copy of the socket here, connections are refused once the server has ended, instead of waiting for it.
    listener.close()
    try:
        yield Server(port, process.pid)
    except OSError as error:
        raise RuntimeError(f"the server of the {name} failed: {log.read_text()[-2000:]}") from error
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)
