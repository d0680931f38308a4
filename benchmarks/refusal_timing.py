"""Whether the time to a refusal tells an unknown API key from an inactive one: ``python -m benchmarks.refusal_timing``.

Requests with unknown, other unknown, revoked and expired API keys take turns in random order. Each round gives a
difference to its unknown key; the other unknown key is the control, which differs by chance alone. Medians have a
95 % confidence interval of the order statistics, which asks nothing of the distribution, and a sign test says how
probable such a difference is where there is none.

Below the limit of failed attempts the answers differ in their code anyway; over it they are alike. In process,
without a network, as little as possible hides a difference; over HTTP it is what a client on the same machine could
measure.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import secrets
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import click
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

import flask_licensing
from benchmarks.load import PATH, send
from benchmarks.prepared_site import why_not
from flask_licensing import Licensing
from flask_licensing.domain import utc_now
from flask_licensing.signing import generate_private_key
from tests.databases import DATABASES, fresh_database
from tests.gunicorn_server import running_gunicorn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROUNDS = 10_000
QUICK_ROUNDS = 500
WARM_UP_ROUNDS = 100
API_KEYS = 50
"""How many API keys of each kind take turns, so that the place of one in an index means nothing."""

UNKNOWN = "unknown"
CONTROL = "another unknown (control)"
INACTIVE = ("revoked", "expired")

BELOW, OVER, HTTP = "in process, below the limit", "in process, over the limit", "over HTTP, over the limit"

Send: TypeAlias = "Callable[[str], float]"
"""Sends a request with an API key and returns the microseconds until its answer was there."""

_Z_95 = 1.959964

_random = secrets.SystemRandom()


class Interval(NamedTuple):
    """A median with its 95 % confidence interval, in microseconds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """How much longer the refusal of one kind of API key took than that of an unknown one, over all rounds.

    ``slower`` is the share of rounds in which it took longer; ``probability`` is that of a share at least as far from
    a half where there is no difference.
    """

    database: str
    where: str
    kind: str
    rounds: int
    unknown_median: float
    difference: Interval
    slower: float
    probability: float


def measure(database: str, folder: Path, *, rounds: int) -> list[Difference]:
    """Return the differences on a kind of database."""
    private_key = generate_private_key().decode("ascii")
    found = []
    with fresh_database(database, folder) as url:
        for where, limit in ((BELOW, 0), (OVER, 1)):
            with _site(url, private_key, limit) as (licensing, wsgi_app):
                found += _measure(database, where, _api_keys(licensing), partial(_send_in_process, wsgi_app), rounds)
        variables = {
            "SERVED_HOST_PRIVATE_KEY": private_key,
            "FLASK_LICENSING_PRIVATE_KEY_SOURCE": "env:SERVED_HOST_PRIVATE_KEY",
            "FLASK_LICENSING_FAILED_ATTEMPTS_PER_MINUTE": "1",
            "FLASK_SQLALCHEMY_DATABASE_URI": url,
        }
        with (
            _site(url, private_key, 1) as (licensing, _),
            running_gunicorn(folder, workers=1, **variables) as server,
        ):
            found += _measure(database, HTTP, _api_keys(licensing), partial(_send_over_http, server.port), rounds)
    return found


@contextmanager
def _site(url: str, private_key: str, limit: int) -> Iterator[tuple[Licensing, Callable[..., Any]]]:
    app, db = Flask("site"), SQLAlchemy()
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    licensing = Licensing(
        db=db,
        private_key_source=lambda product_id: private_key if product_id is None else None,
        failed_attempts_per_minute=limit,
    )
    db.init_app(app)
    licensing.init_app(app)
    with app.app_context():
        db.create_all()
        yield licensing, app.wsgi_app
        db.session.remove()
        db.engine.dispose()


def _api_keys(licensing: Licensing) -> dict[str, Iterator[str]]:
    made = {kind: [secrets.token_urlsafe(32) for _ in range(API_KEYS)] for kind in (UNKNOWN, CONTROL)}
    for kind in INACTIVE:
        expires_at = utc_now() - timedelta(days=1) if kind == "expired" else None
        created = [licensing.create_api_key(kind, expires_at=expires_at) for _ in range(API_KEYS)]
        made[kind] = [new.secret for new in created]
        if kind == "revoked":
            for new in created:
                licensing.revoke_api_key(new.api_key.id)
    return {kind: cycle(own) for kind, own in made.items()}


def _send_in_process(wsgi_app: Callable[..., Any], secret: str) -> float:
    headers = Headers({"Authorization": f"Bearer {secret}"})
    environ = EnvironBuilder(PATH, method="POST", data={"product_id": "1"}, headers=headers).get_environ()
    started = time.perf_counter_ns()
    body, status, _ = run_wsgi_app(wsgi_app, environ)
    b"".join(body)
    microseconds = (time.perf_counter_ns() - started) / 1000
    if not status.startswith(("401", "429")):
        raise RuntimeError(f"the app answered {status}")
    return microseconds


def _send_over_http(port: int, secret: str) -> float:
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {secret}\r\n"
    form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\nproduct_id=1"
    return send(port, (head + form).encode(), expected=b'"code":') * 1e6


def _measure(
    database: str, where: str, api_keys: Mapping[str, Iterator[str]], send_one: Send, rounds: int
) -> list[Difference]:
    kinds = [UNKNOWN, CONTROL, *INACTIVE]
    samples: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(WARM_UP_ROUNDS + rounds):
        for kind in _random.sample(kinds, len(kinds)):
            microseconds = send_one(next(api_keys[kind]))
            if number >= WARM_UP_ROUNDS:
                samples[kind].append(microseconds)
    return [compare(database, where, kind, samples) for kind in (CONTROL, *INACTIVE)]


def compare(database: str, where: str, kind: str, samples: Mapping[str, Sequence[float]]) -> Difference:
    """Return the difference of one kind to the unknown API keys, round by round."""
    differences = sorted(one - unknown for one, unknown in zip(samples[kind], samples[UNKNOWN], strict=True))
    rounds = len(differences)
    spread = _Z_95 * math.sqrt(rounds) / 2
    low = max(0, math.floor(rounds / 2 - spread) - 1)
    high = min(rounds - 1, math.ceil(rounds / 2 + spread))
    slower = sum(difference > 0 for difference in differences)
    return Difference(
        database=database,
        where=where,
        kind=kind,
        rounds=rounds,
        unknown_median=median(samples[UNKNOWN]),
        difference=Interval(median(differences), differences[low], differences[high]),
        slower=slower / rounds,
        probability=math.erfc(abs(2 * slower - rounds) / math.sqrt(2 * rounds)),
    )


def _line(found: Difference) -> str:
    low, high = f"{found.difference.low:+.2f}", f"{found.difference.high:+.2f}"
    return (
        f"{found.database:<11} {found.where:<27} {found.kind:<26} {found.unknown_median:>8.1f}"
        f" {found.difference.median:>+8.2f}  {low:>7} to {high:>6} {found.slower:>8.1%} {found.probability:>7.3f}"
    )


_HEADER = (
    f"{'':<11} {'':<27} {'':<26} {'unknown':>8} {'longer':>8}  {'95 % interval':>17} {'slower':>8} {'p':>7}\n"
    f"{'':<11} {'':<27} {'':<26} {'µs':>8} {'µs':>8}  {'µs':>17} {'rounds':>8}"
)


@click.command()
@click.option(
    "--database", "databases", multiple=True, type=click.Choice(DATABASES), help="Repeat for more; by default all."
)
@click.option("--rounds", type=click.IntRange(min=10), default=ROUNDS, show_default=True)
@click.option("--quick", is_flag=True, help=f"{QUICK_ROUNDS} rounds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def main(databases: tuple[str, ...], rounds: int, *, quick: bool, as_json: bool) -> None:
    """Compare the times to the refusals of unknown and of inactive API keys."""
    results: list[Difference] = []
    if not as_json:
        click.echo(_HEADER)
    for database in databases or DATABASES:
        if missing := why_not(database):
            click.echo(f"{database} is left out: {missing}.", err=True)
            continue
        with tempfile.TemporaryDirectory() as scratch:
            found = measure(database, Path(scratch), rounds=QUICK_ROUNDS if quick else rounds)
        results += found
        if not as_json:
            click.echo("\n".join(map(_line, found)))
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(result) for result in results]))


if __name__ == "__main__":
    # Each refusal is a warning.
    logging.getLogger(flask_licensing.__name__).setLevel(logging.ERROR)
    main()
