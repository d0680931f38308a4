"""Many clients that use license keys at once, workers that are killed, and a checker of what they saw.

``LICENSING_TEST_SCALE=10 LICENSING_TEST_SEED=7 python -m pytest tests/test_license_keys_under_load.py`` does ten times
as much, in another order. The planted faults are found with the seeds 1 to 20, in order.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from tests.license_key_load import START, use_at_once, verdicts
from tests.scale import SCALE, SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.gunicorn_server import GunicornServer
    from tests.hosts import Host

WORKERS = 4
CLIENTS = 8
OPERATIONS_OF_A_CLIENT = 50 * SCALE
SECONDS_BETWEEN_KILLS = 0.2
ROUNDS = 20
"""How many times a planted fault is looked for."""


@contextmanager
def _killing_workers(server: GunicornServer) -> Iterator[None]:
    """Kill a worker again and again while the block runs."""
    stop = threading.Event()
    draw = random.Random(SEED)  # noqa: S311 - chooses the workers, and has to be repeatable

    def kill() -> None:
        while not stop.wait(SECONDS_BETWEEN_KILLS):
            if pids := server.worker_pids():
                with suppress(ProcessLookupError):
                    os.kill(draw.choice(pids), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        stop.set()
        killer.join()


def _license_keys(host: Host, name: str, count: int) -> list[str]:
    keys = [f"{name}-{number}" for number in range(count)]
    host.create(license_keys=json.dumps(keys), status=START.status, activation_limit=str(START.limit))
    return keys


def test_what_clients_saw_of_license_keys_is_possible_though_workers_are_killed(
    host_on_each_database: Host, serve: Callable[..., AbstractContextManager[GunicornServer]]
) -> None:
    host = host_on_each_database
    keys = _license_keys(host, "KEY", 3)
    with serve(host, "--preload", workers=WORKERS) as server, _killing_workers(server):
        histories = use_at_once(server, host, keys, clients=CLIENTS, operations=OPERATIONS_OF_A_CLIENT, seed=str(SEED))
    assert [str(verdict) for verdict in verdicts(histories)] == ["possible"] * len(keys)
    codes = {operation.code for history in histories.values() for operation in history}
    assert codes >= {200, 202, 300, 301, 302, 400, 401, 950}


@pytest.mark.parametrize("fault", ["WithoutTheLock", "CountingBeforeTheLock"])
def test_a_planted_fault_is_found(
    host_on_each_database: Host, serve: Callable[..., AbstractContextManager[GunicornServer]], fault: str
) -> None:
    host = host_on_each_database
    store = f"tests.defective_activations:{fault}"
    with serve(host, "--preload", workers=WORKERS, LICENSING_KEY_STORE=store) as server:
        for seed in range(1, ROUNDS + 1):
            keys = _license_keys(host, f"KEY-{seed}", 1)
            histories = use_at_once(server, host, keys, clients=CLIENTS, operations=25, seed=str(seed))
            if not all(verdict.is_possible for verdict in verdicts(histories)):
                return
    pytest.fail("the fault was not found")
