"""A site under a steady load: does anything grow, leak or drift? ``python -m benchmarks.steady_load --help``."""

from __future__ import annotations

import dataclasses
import json
import math
import secrets
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, mean
from typing import TYPE_CHECKING

import click

from benchmarks.load import form_request, new_license_keys, send
from benchmarks.prepared_site import prepared_site, why_not
from benchmarks.process_samples import Sampler
from benchmarks.server import running_server
from benchmarks.table import aligned
from tests.databases import DATABASES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.server import Server
    from benchmarks.site import Site

WORKERS = 2
CLIENTS = 4
BULK_EVERY = 50
"""One request in so many creates many license keys, as orders of wholesalers do; the others create one."""

BULK_KEYS = 1000
MEASURES = {
    "memory": "memory of the workers, MB",
    "open_files": "open files of the workers",
    "connections": "connections to the database",
    "p50": "half of the requests took at most, ms",
    "p99": "99 of 100 requests took at most, ms",
}


@dataclass(frozen=True)
class Interval:
    """What was seen in one interval and at its end; ``p50`` and ``p99`` in milliseconds, of requests for one key."""

    minute: float
    requests: int
    memory: float
    open_files: int
    connections: int
    p50: float
    p99: float


@dataclass(frozen=True)
class Drift:
    """How a measure moved: its means in the first and last quarter, and the slope of all intervals, per minute."""

    measure: str
    first_quarter: float
    last_quarter: float
    slope: float

    @property
    def change(self) -> float:
        """From the first quarter to the last, as a part of the first."""
        return self.last_quarter / self.first_quarter - 1 if self.first_quarter else math.nan


@dataclass(frozen=True)
class SteadyRun:
    """A run over one kind of database, at so many requests a second; a request that fails ends it."""

    database: str
    rate: float
    intervals: list[Interval]

    @property
    def drifts(self) -> list[Drift]:
        """How each measure moved from the beginning to the end."""
        return [self._drift(measure) for measure in MEASURES]

    def _drift(self, measure: str) -> Drift:
        values = [float(getattr(interval, measure)) for interval in self.intervals]
        quarter = math.ceil(len(values) / 4)
        slope = linear_regression([interval.minute for interval in self.intervals], values).slope
        return Drift(measure, mean(values[:quarter]), mean(values[-quarter:]), slope)


class _Clients:
    """Clients that send requests at a steady rate until they are told to end; each is late rather than early."""

    def __init__(self, site: Site, port: int, rate: float) -> None:
        self._site = site
        self._port = port
        self._period = CLIENTS / rate
        self._ended = threading.Event()
        self._latencies: list[float] = []
        self._lock = threading.Lock()
        self._sent = 0

    def run(self) -> None:
        """Send until the end: a request that does not create what it should raises."""
        while not self._ended.is_set():
            started = time.perf_counter()
            self.send_one()
            self._ended.wait(self._period - (time.perf_counter() - started))

    def take_latencies(self) -> list[float]:
        """Return how long requests for one key took since the last call, in seconds."""
        with self._lock:
            taken, self._latencies = self._latencies, []
        return taken

    def end(self) -> None:
        self._ended.set()

    def send_one(self) -> None:
        """Send the next request and wait for its answer."""
        with self._lock:
            self._sent += 1
            count = BULK_KEYS if self._sent % BULK_EVERY == 0 else 1
        request = form_request(self._site, new_license_keys(count), idempotency_key=secrets.token_hex(16))
        seconds = send(self._port, request, f'"created":{count},'.encode())
        if count == 1:
            with self._lock:
                self._latencies.append(seconds)


def run_steadily(
    database: str, folder: Path, *, warm_up_seconds: float, seconds: float, intervals: int, rate: float
) -> SteadyRun:
    """Serve a fresh site with gunicorn, send requests at a rate for a time, and return what was seen.

    Nothing is counted while it warms up: modules, caches and pools fill.
    """
    with (
        prepared_site(database, folder) as site,
        running_server("package", site, folder, workers=WORKERS) as server,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        clients = _Clients(site, server.port, rate)
        clients.send_one()  # is answered once the server is up
        running = [pool.submit(clients.run) for _ in range(CLIENTS)]
        try:
            time.sleep(warm_up_seconds)
            seen = list(_watch(clients, server, Sampler(site.database_url), seconds / intervals, intervals))
        finally:
            clients.end()
        for client in running:
            client.result()
    return SteadyRun(database, rate, seen)


def _watch(clients: _Clients, server: Server, sampler: Sampler, seconds: float, intervals: int) -> Iterator[Interval]:
    clients.take_latencies()
    started = time.perf_counter()
    for number in range(1, intervals + 1):
        time.sleep(max(0.0, started + number * seconds - time.perf_counter()))
        minute = (time.perf_counter() - started) / 60
        latencies = sorted(clients.take_latencies())
        held = dataclasses.asdict(sampler.sample(server.worker_process_ids()))
        p50, p99 = _milliseconds_at(latencies, 0.5), _milliseconds_at(latencies, 0.99)
        yield Interval(minute=minute, requests=len(latencies), p50=p50, p99=p99, **held)


def _milliseconds_at(latencies: Sequence[float], share: float) -> float:
    """Return what this share of the sorted latencies took at most; nothing is known of none."""
    return 1000 * latencies[math.ceil(share * len(latencies)) - 1] if latencies else math.nan


def _table(run: SteadyRun) -> str:
    seconds = run.intervals[-1].minute * 60
    done = sum(interval.requests for interval in run.intervals)
    title = f"{run.database}: {done} requests for one key in {seconds:.0f} seconds, none failed"
    header = ("", "first quarter", "last quarter", "change", "a minute")
    rows = [
        (
            MEASURES[drift.measure],
            f"{drift.first_quarter:.4g}",
            f"{drift.last_quarter:.4g}",
            f"{drift.change:+.1%}",
            f"{drift.slope:+.2g}",
        )
        for drift in run.drifts
    ]
    return "\n".join([title, *aligned([header, *rows])])


def _to_json(runs: Sequence[SteadyRun]) -> str:
    documents = [
        dataclasses.asdict(run) | {"drifts": [dataclasses.asdict(drift) for drift in run.drifts]} for run in runs
    ]
    return json.dumps(documents, indent=1) + "\n"


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=5.0, show_default=True)
@click.option(
    "--database", "databases", multiple=True, type=click.Choice(DATABASES), help="Repeat for more; by default all."
)
@click.option("--rate", type=click.FloatRange(min=1), default=40.0, show_default=True, help="Requests a second.")
@click.option("--intervals", type=click.IntRange(min=4), default=20, show_default=True, help="How many are compared.")
@click.option("--warm-up", type=float, default=10.0, show_default=True, help="Seconds before anything is counted.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file for all figures, as JSON.")
def main(
    *, minutes: float, databases: tuple[str, ...], rate: float, intervals: int, warm_up: float, output: Path | None
) -> None:
    """Send requests at a steady rate and show what the server holds, and how long requests take, as time goes by."""
    runs = []
    for database in databases or DATABASES:
        if missing := why_not(database):
            click.echo(f"{database} is left out: {missing}.")
            continue
        with tempfile.TemporaryDirectory() as folder:
            run = run_steadily(
                database,
                Path(folder),
                warm_up_seconds=warm_up,
                seconds=60 * minutes,
                intervals=intervals,
                rate=rate,
            )
        click.echo(_table(run) + "\n")
        runs.append(run)
    if output is not None:
        output.write_text(_to_json(runs))


if __name__ == "__main__":
    main()
