"""What a licensed program asks, through gunicorn: whether a license key is valid for an identifier."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from statistics import quantiles
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from benchmarks.host_app import licensing
from benchmarks.load import Load, send, send_all
from benchmarks.prepared_site import prepared_site, running_host
from benchmarks.results import Comparison, Result
from benchmarks.rounds import take_turns
from benchmarks.server import APPS, running_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.site import Site

NAME = "verify"
CASE = "a valid license key"
RATE = "verifications a second"
TYPICAL = "p50"

WORKERS = 2
CLIENTS = 4
LICENSE_KEYS = 1000
_IDENTIFIER = "machine-1"
_EXPECTED = b'"code":200,'


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    rounds: int
    requests: int


FULL = Scale(rounds=12, requests=1500)
QUICK = Scale(rounds=3, requests=300)


def measure(database: str, folder: Path, scale: Scale) -> Result:
    """Compare the package with a bare Flask view that runs the same two SELECTs through the driver, and signs."""
    with prepared_site(database, folder) as site:
        keys = [f"KEY-{number}" for number in range(LICENSE_KEYS)]
        _activate(site, keys)
        prepared = [_request(site, keys[number % LICENSE_KEYS]) for number in range(scale.requests)]
        with (
            running_server("package", site, folder, workers=WORKERS) as package,
            running_server("floor", site, folder, workers=WORKERS) as floor,
        ):
            servers = dict(zip(APPS, (package, floor), strict=True))
            for server in servers.values():
                for request in prepared[: WORKERS * 20]:
                    send(server.port, request, _EXPECTED)
            contenders: dict[str, Callable[[int], Load]] = {
                name: partial(_load, server.port, prepared) for name, server in servers.items()
            }
            samples = take_turns(scale.rounds, contenders)
    sides = [samples["package"], samples["floor"]]
    rates = [[len(load.latencies) / load.seconds for load in loads] for loads in sides]
    typical = [[quantiles(load.latencies, n=100)[49] * 1000 for load in loads] for loads in sides]
    return Result(NAME, database, [Comparison(CASE, RATE, "1/s", *rates), Comparison(CASE, TYPICAL, "ms", *typical)])


def _load(port: int, prepared: Sequence[bytes], _: int) -> Load:
    return send_all(port, prepared, _EXPECTED, CLIENTS)


def _activate(site: Site, keys: Sequence[str]) -> None:
    with running_host(site.database_url, site.private_key_file):
        licensing.create_license_keys(
            keys, product_id=site.product_id, activation_limit=5, validity=0, status="assigned"
        )
        for key in keys:
            licensing.activate(key, _IDENTIFIER)


def _request(site: Site, license_key: str) -> bytes:
    body = urlencode({"license_key": license_key, "identifier": _IDENTIFIER})
    return (
        "POST /api/v1/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Authorization: Bearer {site.secret}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
