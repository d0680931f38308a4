"""A database server that is stopped and started again in the middle of requests, in an orderly way and as in a crash.

``LICENSING_TEST_SCALE=10 LICENSING_TEST_SEED=7 python -m pytest tests/test_stopped_servers.py`` stops it ten times as
often, at other moments.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from flask_licensing.verification import verify_response
from tests.databases import fresh_database_on
from tests.http_client import at_once
from tests.scale import SCALE, SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.gunicorn_server import GunicornServer
    from tests.hosts import Host
    from tests.http_client import Answer
    from tests.private_servers import PrivateServer

STOPS = SCALE
CLIENTS = 4
OK = 200
KEYS_OF_A_REQUEST = 1000
PAUSE_SECONDS = 0.1
"""How long a client waits before it sends its order again."""

LONGEST_WAIT_SECONDS = 0.5
"""Longest time that the server runs, and longest that it stands still, before the next change."""


@pytest.fixture
def host(own_server: PrivateServer, create_host: Callable[..., Host]) -> Iterator[Host]:
    with fresh_database_on(own_server.url) as url:
        host = create_host(url)
        with host.app.app_context():
            # Connections of the test's own would break too.
            host.db.engine.dispose()
        yield host


def _order(server: GunicornServer, host: Host, name: str) -> list[Answer]:
    """Send one order until it is done; clients that wait as long as they are told would be rarer guests."""
    keys = json.dumps([f"{name}-{number}" for number in range(KEYS_OF_A_REQUEST)])
    answers = [server.post(host, idempotency_key=name, license_keys=keys)]
    while answers[-1].status != OK:
        time.sleep(PAUSE_SECONDS)
        answers.append(server.post(host, idempotency_key=name, license_keys=keys))
    return answers


@pytest.mark.parametrize("crash", [False, True], ids=["orderly", "crash"])
def test_each_order_has_one_effect_however_often_the_database_server_stops(
    crash: bool, host: Host, own_server: PrivateServer, serve: Callable[..., AbstractContextManager[GunicornServer]]
) -> None:
    draw = random.Random(SEED)  # noqa: S311 - chooses the moments, and has to be repeatable
    ended = threading.Event()

    def stop_and_start() -> list[Answer]:
        for _ in range(STOPS):
            time.sleep(draw.uniform(0, LONGEST_WAIT_SECONDS))
            own_server.stop(at_once=crash)
            time.sleep(draw.uniform(0, LONGEST_WAIT_SECONDS))
            own_server.start()
        ended.set()
        return []

    def order_until_that_ends(client: int) -> list[Answer]:
        answers: list[Answer] = []
        for number in itertools.count():
            answers += _order(server, host, f"{client}-{number}")
            if ended.is_set():
                break
        return answers

    with serve(host, "--preload", workers=CLIENTS) as server:
        clients = [partial(order_until_that_ends, client) for client in range(CLIENTS)]
        calls: list[Callable[[], list[Answer]]] = [stop_and_start, *clients]
        answers = list(itertools.chain.from_iterable(at_once(calls)))
    done = [answer for answer in answers if answer.status == OK]
    for answer in done:
        assert verify_response(answer.body, host.public_key).response["created"] == KEYS_OF_A_REQUEST
    for answer in answers:
        if answer not in done:
            assert (answer.status, verify_response(answer.body, host.public_key).response["code"]) == (503, 9503)
            assert int(answer.headers["retry-after"]) > 0
    assert len(host.stored_license_keys()) == len(done) * KEYS_OF_A_REQUEST
