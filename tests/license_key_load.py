"""Clients that use license keys all at once and log what they asked and got, for the checker of histories."""

from __future__ import annotations

import http.client
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from tests.history import Operation, State, check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.gunicorn_server import GunicornServer
    from tests.history import Verdict
    from tests.hosts import Host

IDENTIFIERS = tuple("abcdefgh")
START = State("assigned", 2)
STORE_UNAVAILABLE = 9503

WEIGHTS = {"activate": 50, "verify": 25, "deactivate": 18, "status": 4, "limit": 3}
VALUES: Mapping[str, Sequence[str | int]] = {
    "activate": IDENTIFIERS,
    "verify": IDENTIFIERS,
    "deactivate": IDENTIFIERS,
    "status": ["assigned"] * 8 + ["blocked"] * 2 + ["available"],
    "limit": [1, 2, 3],
}
ENDPOINTS = {"status": "update-license-key", "limit": "update-license-key", "delete": "delete-license-key"}
FIELDS = {"status": "status", "limit": "activation_limit"}


def use_at_once(
    server: GunicornServer, host: Host, license_keys: Sequence[str], *, clients: int, operations: int, seed: str
) -> dict[str, list[Operation]]:
    """Let each client do so many operations on random ones of the license keys; return the history of each key."""
    histories: dict[str, list[Operation]] = {license_key: [] for license_key in license_keys}

    def client(number: int) -> None:
        draw = random.Random(f"{seed}-{number}")  # noqa: S311 - chooses what meets, and has to be repeatable
        for _ in range(operations):
            license_key = draw.choice(license_keys)
            (action,) = draw.choices(list(WEIGHTS), list(WEIGHTS.values()))
            value = draw.choice(VALUES[action])
            histories[license_key].append(_operation(server, host, license_key, action, value))

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    return histories


def verdicts(histories: Mapping[str, Sequence[Operation]]) -> list[Verdict]:
    """Return what the checker says of each history."""
    return [check(history, START) for history in histories.values()]


def _operation(server: GunicornServer, host: Host, license_key: str, action: str, value: str | int) -> Operation:
    fields = {"license_key": license_key, FIELDS.get(action, "identifier"): str(value)}
    done = partial(Operation, action, value, time.monotonic())
    try:
        answer = server.send(host, ENDPOINTS.get(action, action), fields)
    except (OSError, http.client.HTTPException):
        return done(time.monotonic(), None)
    answered_at = time.monotonic()
    code = json.loads(answer.body)["response"]["code"]
    # A store that is unavailable may have been so during the commit.
    return done(answered_at, None if code == STORE_UNAVAILABLE else code)
