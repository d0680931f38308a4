"""Could license keys have answered so, though workers are killed? ``python -m benchmarks.license_life --help``."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import sqlalchemy as sa

from benchmarks.host_app import licensing
from benchmarks.prepared_site import prepared_site, running_host, why_not
from tests.databases import DATABASES
from tests.gunicorn_server import GunicornServer, running_gunicorn
from tests.history import State, check, read
from tests.license_key_load import Client

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.site import Site

WORKERS = 4
_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Run:
    """What came of a run: ``verdicts`` of the license keys, how many times each, and what it took."""

    database: str
    seed: int
    processes: int
    license_keys: int
    limit: int
    operations: int
    unknown: int
    kills: int
    codes: dict[str, int]
    verdicts: dict[str, int]
    seconds: float
    seconds_of_check: float


def use_license_keys(
    database: str,
    folder: Path,
    *,
    processes: int,
    operations: int,
    kill_every: float,
    license_keys: int,
    limit: int,
    seed: int,
) -> Run:
    """Let processes use license keys while workers are killed, and check the history of each license key."""
    keys = [f"LIFE-{number}" for number in range(license_keys)]
    with prepared_site(database, folder) as site:
        _create(site, keys, limit)
        with running_gunicorn(
            folder, "--preload", workers=WORKERS, app="benchmarks.host_app:create_app()", **site.environment
        ) as server:
            started = time.monotonic()
            with _killing(server, kill_every, seed) as kills:
                clients = [
                    _FORK.Process(
                        target=Client(server.port, site.secret, keys, limit, f"{seed}-{number}").run,
                        args=(operations // processes, folder, str(number)),
                    )
                    for number in range(processes)
                ]
                for client in clients:
                    client.start()
                for client in clients:
                    client.join()
            seconds = time.monotonic() - started
    if any(client.exitcode for client in clients):
        raise click.ClickException("A client failed.")
    started = time.monotonic()
    histories = [[one for file in folder.glob(f"{key}.*.jsonl") for one in read(file)] for key in keys]
    with _FORK.Pool(os.cpu_count()) as pool:
        verdicts = pool.starmap(check, [(history, State("assigned", limit)) for history in histories])
    codes = Counter(str(one.code) for history in histories for one in history)
    return Run(
        database=database,
        seed=seed,
        processes=processes,
        license_keys=license_keys,
        limit=limit,
        operations=sum(map(len, histories)),
        unknown=codes["None"],
        kills=len(kills),
        codes=dict(sorted(codes.items())),
        verdicts=dict(Counter(map(str, verdicts))),
        seconds=round(seconds),
        seconds_of_check=round(time.monotonic() - started),
    )


def _create(site: Site, keys: Sequence[str], limit: int) -> None:
    if site.database_url.startswith("sqlite"):
        # Readers do not wait for who writes. It stays with the file.
        with sqlite3.connect(str(sa.make_url(site.database_url).database)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
    with running_host(site.database_url, site.private_key_file):
        licensing.create_license_keys(
            keys, product_id=site.product_id, activation_limit=limit, validity=0, status="assigned"
        )


@contextmanager
def _killing(server: GunicornServer, seconds: float, seed: int) -> Iterator[list[int]]:
    """Kill a worker again and again while the block runs; the list has those that were killed."""
    stop, killed = threading.Event(), list[int]()
    draw = random.Random(seed)  # noqa: S311 - chooses the workers, and has to be repeatable

    def kill() -> None:
        while not stop.wait(seconds):
            pids = server.worker_pids()
            with suppress(ProcessLookupError):
                if pids:
                    killed.append(draw.choice(pids))
                    os.kill(killed[-1], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield killed
    finally:
        stop.set()
        killer.join()


@click.command()
@click.option("--processes", type=click.IntRange(min=1), default=64, show_default=True, help="Clients, each a process.")
@click.option("--operations", type=click.IntRange(min=1), default=100_000, show_default=True, help="Of all clients.")
@click.option("--kill-every", type=float, default=0.2, show_default=True, help="Seconds between kill -9 of a worker.")
@click.option("--license-keys", type=click.IntRange(min=1), default=8, show_default=True, help="That are used at once.")
@click.option("--limit", type=click.IntRange(min=1), default=5, show_default=True, help="The activation limit.")
@click.option("--seed", type=int, default=1, show_default=True, help="Begins what the clients and the kills draw.")
@click.option(
    "--database", "databases", multiple=True, type=click.Choice(DATABASES), help="Repeat for more; by default all."
)
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="A folder for histories and results.")
def main(databases: tuple[str, ...], output: Path | None, **options: int | float) -> None:
    """Use license keys at once while workers are killed; fail where no license key can have answered so."""
    runs = []
    for database in databases or DATABASES:
        if missing := why_not(database):
            click.echo(f"{database} is left out: {missing}.")
            continue
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) if output is None else output / database
            folder.mkdir(parents=True, exist_ok=True)
            runs.append(use_license_keys(database, folder, **options))  # type: ignore[arg-type] # the options' own types
        click.echo(json.dumps(asdict(runs[-1])))
    if any(run.verdicts.keys() != {"possible"} for run in runs):
        raise click.ClickException("No license key can have answered this.")


if __name__ == "__main__":
    main()
