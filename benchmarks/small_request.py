"""Requests for one license key, through gunicorn."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from statistics import quantiles
from typing import TYPE_CHECKING

from benchmarks.floor_app import Floor
from benchmarks.layers import profile_package
from benchmarks.load import Load, form_request, new_license_keys, send, send_all
from benchmarks.prepared_site import prepared_site
from benchmarks.results import Comparison, Result, Share
from benchmarks.rounds import take_turns
from benchmarks.server import APPS, Server, running_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.site import Site

NAME = "small-request"
CASE = "one key"
SIGNATURE_CASE = "one key, against the signature alone"
RATE = "requests a second"
TYPICAL = "p50"
SLOWEST = "p99"
SERVER_PART = "gunicorn and sockets"

WORKERS = 2
CLIENTS = 4
_EXPECTED = b'"created":1,'


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    rounds: int
    requests: int
    profiled_requests: int
    signing_seconds: float = 0.5


FULL = Scale(rounds=12, requests=1500, profiled_requests=2000)
QUICK = Scale(rounds=3, requests=300, profiled_requests=300)


def measure(database: str, folder: Path, scale: Scale) -> Result:
    """Compare the package with the floor and with the signature alone, and look where its time goes."""
    with ExitStack() as stack:
        sites = {name: stack.enter_context(prepared_site(database, folder)) for name in APPS}
        servers = {
            name: stack.enter_context(running_server(name, sites[name], folder, workers=WORKERS)) for name in APPS
        }
        for name, server in servers.items():
            warm_up(server, sites[name], workers=WORKERS)
        cpu_before = servers["package"].cpu_seconds()
        contenders: dict[str, Callable[[int], Load]] = {
            name: partial(_load, servers[name], sites[name], scale.requests) for name in APPS
        }
        floor = Floor(sites["floor"].database_url, sites["floor"].private_key_file)
        contenders["signature"] = lambda _: _sign(floor, scale.signing_seconds)
        samples = take_turns(scale.rounds, contenders)
        worker_cpu = (servers["package"].cpu_seconds() - cpu_before) / (scale.rounds * scale.requests)
        floor.database.close()
    return Result(NAME, database, _comparisons(samples), _shares(database, folder, scale.profiled_requests, worker_cpu))


def warm_up(server: Server, site: Site, *, workers: int) -> None:
    """Wait for a server, and let all its workers do everything once."""
    for _ in range(workers * 20):
        send(server.port, form_request(site, new_license_keys(1)), _EXPECTED)


def _load(server: Server, site: Site, requests: int, _: int) -> Load:
    prepared = [form_request(site, [license_key]) for license_key in new_license_keys(requests)]
    return send_all(server.port, prepared, _EXPECTED, CLIENTS)


def _sign(floor: Floor, seconds: float) -> Load:
    """Sign, and do nothing else, for about this long."""
    latencies: list[float] = []
    started = time.perf_counter()
    while (before := time.perf_counter()) - started < seconds:
        floor.sign("x" * 140)
        latencies.append(time.perf_counter() - before)
    return Load(before - started, latencies)


def _comparisons(samples: dict[str, list[Load]]) -> list[Comparison]:
    package, floor, signature = samples["package"], samples["floor"], samples["signature"]
    compared = [Comparison(CASE, RATE, "1/s", _rates(package), _rates(floor))]
    for measure_name, percentile in ((TYPICAL, 50), (SLOWEST, 99)):
        compared.append(
            Comparison(CASE, measure_name, "ms", _percentiles(package, percentile), _percentiles(floor, percentile))
        )
    compared.append(Comparison(SIGNATURE_CASE, RATE, "1/s", _rates(package), _rates(signature)))
    return compared


def _rates(loads: Sequence[Load]) -> list[float]:
    return [len(load.latencies) / load.seconds for load in loads]


def _percentiles(loads: Sequence[Load], percentile: int) -> list[float]:
    return [quantiles(load.latencies, n=100)[percentile - 1] * 1000 for load in loads]


def _shares(database: str, folder: Path, requests: int, worker_cpu: float) -> list[Share]:
    with prepared_site(database, folder) as site:
        shares = profile_package(site, requests)
    inside = sum(share.cpu for share in shares)
    return sorted([*shares, Share(SERVER_PART, worker_cpu * 1e6 - inside, 0)], key=lambda share: -share.cpu)
