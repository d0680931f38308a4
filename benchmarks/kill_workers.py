"""Workers killed while orders come in: is anything lost or half done? ``python -m benchmarks.kill_workers --help``."""

from __future__ import annotations

import json
import os
import random
import signal
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

import click
import sqlalchemy as sa

from benchmarks.load import new_license_keys
from benchmarks.prepared_site import prepared_site, why_not
from flask_licensing.models import LicenseKey
from tests.databases import DATABASES
from tests.gunicorn_server import GunicornServer, running_gunicorn
from tests.http_client import Answer, post
from tests.programs import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.site import Site

WORKERS = 4
CLIENTS = 4
KEYS_OF_AN_ORDER = 1000
LONGEST_PAUSE_SECONDS = 0.3
"""Longest time between two kills."""


@dataclass
class Tally:
    """What came of the orders while workers were killed.

    Of the orders whose connection broke, ``absent`` were not stored when looked for, and ``whole`` were, though their
    client had no answer. ``half`` were stored in part, ``wrong`` were answered wrongly when they were sent again: these
    two have to be none.
    """

    database: str
    kills: int = 0
    orders: int = 0
    absent: int = 0
    whole: int = 0
    half: int = 0
    wrong: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether no order was stored in part or answered wrongly."""
        return not self.half and not self.wrong


class _Orders:
    """Clients that send orders, each with an ``Idempotency-Key``, again until it is answered, and then once more."""

    def __init__(self, site: Site, port: int, tally: Tally, ended: threading.Event) -> None:
        self._site = site
        self._port = port
        self._tally = tally
        self._ended = ended
        self._engine = sa.create_engine(site.database_url, pool_size=CLIENTS)
        self._lock = threading.Lock()

    def run(self) -> None:
        while not self._ended.is_set():
            self._order()

    def close(self) -> None:
        self._engine.dispose()

    def _order(self) -> None:
        keys = new_license_keys(KEYS_OF_AN_ORDER)
        while (answer := self._send(keys)) is None and not self._ended.is_set():
            stored = self._stored(keys)
            self._count(absent=stored == 0, whole=stored == len(keys), half=stored not in {0, len(keys)})
        while (again := self._send(keys)) is None and not self._ended.is_set():
            pass
        if answer and again:
            created = json.loads(answer.body)["response"].get("created")
            self._count(orders=True, wrong=created != len(keys) or again.body != answer.body)

    def _send(self, keys: Sequence[str]) -> Answer | None:
        """Return the answer, or nothing where the connection broke."""
        fields = {"license_keys": json.dumps(keys), "product_id": str(self._site.product_id), "activation_limit": "0"}
        headers = {"Authorization": f"Bearer {self._site.secret}", "Idempotency-Key": keys[0]}
        try:
            return post(self._port, fields | {"validity": "0", "status": "available"}, headers)
        except (OSError, HTTPException):
            return None

    def _stored(self, keys: Sequence[str]) -> int:
        count = sa.select(sa.func.count()).where(LicenseKey.license_key.in_(keys))
        with self._engine.connect() as connection:
            return connection.scalar(count) or 0

    def _count(self, **counted: bool) -> None:
        with self._lock:
            for name, one in counted.items():
                setattr(self._tally, name, getattr(self._tally, name) + one)


def kill_workers(database: str, folder: Path, *, kills: int, seed: int) -> Tally:
    """Kill workers of a site so many times, at random moments, while clients order; return what came of it."""
    tally = Tally(database)
    ended = threading.Event()
    with (
        prepared_site(database, folder) as site,
        running_gunicorn(
            folder, "--preload", workers=WORKERS, app="benchmarks.host_app:create_app()", **site.environment
        ) as server,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        orders = _Orders(site, server.port, tally, ended)
        running = [pool.submit(orders.run) for _ in range(CLIENTS)]
        try:
            _kill_at_random(server, tally, kills, random.Random(seed))  # noqa: S311 - has to be repeatable
        finally:
            ended.set()
        for client in running:
            client.result()
        orders.close()
    return tally


def _kill_at_random(server: GunicornServer, tally: Tally, kills: int, draw: random.Random) -> None:
    while tally.kills < kills:
        time.sleep(draw.uniform(0, LONGEST_PAUSE_SECONDS))
        wait_until(server.worker_pids)
        os.kill(draw.choice(server.worker_pids()), signal.SIGKILL)
        tally.kills += 1


def _sentence(tally: Tally) -> str:
    return (
        f"{tally.database}: {tally.kills} kills, {tally.orders} orders of {KEYS_OF_AN_ORDER} license keys;"
        f" {tally.absent + tally.whole + tally.half} broke off, of which {tally.absent} were not stored,"
        f" {tally.whole} wholly and {tally.half} in part; {tally.wrong} were answered wrongly when sent again"
    )


@click.command()
@click.option("--kills", type=click.IntRange(min=1), default=200, show_default=True, help="On each database.")
@click.option(
    "--database", "databases", multiple=True, type=click.Choice(DATABASES), help="Repeat for more; by default all."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Begins the sequence of random moments.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file for all figures, as JSON.")
def main(kills: int, databases: tuple[str, ...], seed: int, output: Path | None) -> None:
    """Kill workers at random moments of orders; fail where one was stored in part or answered wrongly afterwards."""
    tallies = []
    for database in databases or DATABASES:
        if missing := why_not(database):
            click.echo(f"{database} is left out: {missing}.")
            continue
        with tempfile.TemporaryDirectory() as folder:
            tallies.append(kill_workers(database, Path(folder), kills=kills, seed=seed))
        click.echo(_sentence(tallies[-1]))
    if output is not None:
        output.write_text(json.dumps([asdict(tally) for tally in tallies], indent=1) + "\n")
    if not all(tally.is_whole for tally in tallies):
        raise click.ClickException("Orders were lost or half done.")


if __name__ == "__main__":
    main()
