"""Several worker processes of a real WSGI server at once, on each database."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from flask_licensing.verification import verify_response
from tests.http_client import at_once

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.gunicorn_server import GunicornServer
    from tests.hosts import Host

WORKERS = 4
CLIENTS = 16


def test_sixteen_clients_with_one_idempotency_key_get_one_answer(
    host_on_each_database: Host, serve: Callable[..., AbstractContextManager[GunicornServer]]
) -> None:
    host = host_on_each_database
    keys = [f"KEY-{number}" for number in range(1000)]
    with serve(host, workers=WORKERS) as server:
        call = partial(server.post, host, idempotency_key="order-1", license_keys=json.dumps(keys))
        answers = at_once([call] * CLIENTS)
    assert [answer.status for answer in answers] == [200] * CLIENTS
    assert len({answer.body for answer in answers}) == 1
    assert verify_response(answers[0].body, host.public_key).response["created"] == len(keys)
    assert host.stored_license_keys() == sorted(keys)
