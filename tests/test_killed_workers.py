"""Worker processes that are killed at random moments of requests, on each database.

``LICENSING_TEST_SCALE=10 LICENSING_TEST_SEED=7 python -m pytest tests/test_killed_workers.py`` kills ten times as many,
at other moments.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import sqlalchemy as sa

from flask_licensing.models import LicenseKey
from flask_licensing.verification import verify_response
from tests.programs import wait_until
from tests.scale import SCALE, SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from tests.gunicorn_server import GunicornServer
    from tests.hosts import Host
    from tests.http_client import Answer

KILLS = 6 * SCALE
KEYS_OF_A_REQUEST = 2000
PART_OF_A_REQUEST = 1.2
"""The last moment of a kill, as a part of the time that a request took beforehand."""


def _stored(host: Host, keys: Sequence[str]) -> int:
    with host.app.app_context():
        count = sa.select(sa.func.count()).where(LicenseKey.license_key.in_(keys))
        return host.db.session.scalar(count) or 0


def _kill_the_worker(server: GunicornServer) -> None:
    (pid,) = server.worker_pids()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: server.worker_pids() not in ([], [pid]))


def test_a_batch_is_wholly_there_or_not_at_all_after_a_kill_and_the_retry_gets_the_right_answer(
    host_on_each_database: Host, serve: Callable[..., AbstractContextManager[GunicornServer]]
) -> None:
    host = host_on_each_database
    draw = random.Random(SEED)  # noqa: S311 - chooses the moments, and has to be repeatable

    def order(name: str) -> Answer | None:
        """Send an order; return nothing where the connection broke."""
        keys = json.dumps([f"{name}-{number}" for number in range(KEYS_OF_A_REQUEST)])
        try:
            return server.post(host, idempotency_key=name, license_keys=keys)
        except (OSError, http.client.HTTPException):
            return None

    with serve(host, "--preload", workers=1) as server, ThreadPoolExecutor(1) as client:
        order("warm-up")
        begun = time.monotonic()
        order("undisturbed")
        duration = time.monotonic() - begun
        for kill in range(KILLS):
            name = f"order-{kill}"
            request = client.submit(order, name)
            time.sleep(draw.uniform(0, PART_OF_A_REQUEST * duration))
            _kill_the_worker(server)
            first = request.result()
            assert _stored(host, [f"{name}-{number}" for number in range(KEYS_OF_A_REQUEST)]) in {0, KEYS_OF_A_REQUEST}
            retry = order(name)
            assert retry is not None
            assert verify_response(retry.body, host.public_key).response["created"] == KEYS_OF_A_REQUEST
            assert first is None or first.body == retry.body
    assert len(host.stored_license_keys()) == (2 + KILLS) * KEYS_OF_A_REQUEST
