"""Clients that use license keys all at once and log what they asked and got, for the checker of histories."""

from __future__ import annotations

import json
import random
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.history import Operation, State, check, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.gunicorn_server import GunicornServer
    from tests.history import Verdict
    from tests.hosts import Host

IDENTIFIERS = tuple("abcdefgh")
START = State("assigned", 2)
STORE_UNAVAILABLE = 9503
TIMEOUT_SECONDS = 60.0

WEIGHTS = {
    "activate": 50,
    "verify": 25,
    "deactivate": 18,
    "status": 4,
    "limit": 3,
    "assign": 2,
    "sell": 2,
    "delete": 0.5,
    "create": 2,
}
STATUSES = ["assigned"] * 8 + ["blocked"] * 2 + ["available"] * 2
ENDPOINTS = {
    "status": "update-license-key",
    "limit": "update-license-key",
    "delete": "delete-license-key",
    "create": "create-license-keys",
    "assign": "assign-license-key",
    "sell": "assign-and-activate-license-key",
}


class Client:
    """One client: over a connection for each request, as cheap as possible; product 1 is that of the license keys."""

    def __init__(self, port: int, secret: str, license_keys: Sequence[str], limit: int, seed: str) -> None:
        self._port = port
        self._secret = secret
        self._license_keys = license_keys
        self._limit = limit
        self._draw = random.Random(seed)  # noqa: S311 - chooses what meets, and has to be repeatable

    def run(self, operations: int, folder: Path, name: str) -> None:
        """Do so many operations, and write the history of each license key to a file of this client's own."""
        for license_key, history in self.use(operations).items():
            write(history, folder / f"{license_key}.{name}.jsonl")

    def use(self, operations: int) -> dict[str, list[Operation]]:
        """Do so many operations on random ones of the license keys; return the history of each."""
        histories: dict[str, list[Operation]] = {license_key: [] for license_key in self._license_keys}
        for _ in range(operations):
            license_key = self._draw.choice(self._license_keys)
            histories[license_key].append(self._operation(license_key))
        return histories

    def _operation(self, license_key: str) -> Operation:
        (action,) = self._draw.choices(list(WEIGHTS), list(WEIGHTS.values()))
        value = self._value(action)
        request = self._request(action, value, license_key)
        invoked_at = time.monotonic()
        code = self._send(request)
        # A store that is unavailable may have been so during the commit.
        return Operation(action, value, invoked_at, time.monotonic(), None if code == STORE_UNAVAILABLE else code)

    def _value(self, action: str) -> str | int:
        if action == "create":
            return self._limit
        if action == "limit":
            return self._draw.choice([self._limit - 1, self._limit, self._limit + 1])
        return self._draw.choice(STATUSES if action == "status" else IDENTIFIERS)

    def _request(self, action: str, value: str | int, license_key: str) -> bytes:
        fields = {"license_key": license_key}
        if action == "create":
            terms = {"product_id": "1", "activation_limit": str(value), "validity": "0", "status": "assigned"}
            fields = {"license_keys": json.dumps([license_key]), **terms}
        elif action != "delete":
            fields[{"status": "status", "limit": "activation_limit"}.get(action, "identifier")] = str(value)
        body = urlencode(fields)
        return (
            f"POST /api/v1/{ENDPOINTS.get(action, action)} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            f"Authorization: Bearer {self._secret}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def _send(self, request: bytes) -> int | None:
        """Return the code of the answer, ``None`` where it did not come."""
        answer = b""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), TIMEOUT_SECONDS) as connection:
            connection.sendall(request)
            while chunk := connection.recv(65_536):
                answer += chunk
        code = re.search(rb'"code":(\d+)', answer) if answer.endswith(b"}") else None
        return None if code is None else int(code[1])


def use_at_once(
    server: GunicornServer, host: Host, license_keys: Sequence[str], *, clients: int, operations: int, seed: str
) -> dict[str, list[Operation]]:
    """Let each client do so many operations on random ones of the license keys; return the history of each key."""
    each = [
        Client(server.port, host.secret, license_keys, START.limit, f"{seed}-{number}") for number in range(clients)
    ]
    with ThreadPoolExecutor(clients) as pool:
        used = list(pool.map(lambda client: client.use(operations), each))
    return {key: [one for histories in used for one in histories[key]] for key in license_keys}


def verdicts(histories: Mapping[str, Sequence[Operation]]) -> list[Verdict]:
    """Return what the checker says of each history."""
    return [check(history, START) for history in histories.values()]
