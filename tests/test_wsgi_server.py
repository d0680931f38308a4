"""What a real WSGI server and its clients do in the middle of a request."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from flask_licensing.verification import verify_response
from tests.hosts import PATH
from tests.programs import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.gunicorn_server import GunicornServer
    from tests.hosts import Host

END_WITH_A_RESET = struct.pack("ii", 1, 0)
"""The option ``SO_LINGER``, on and with no time: closing throws away what was not read and resets the connection."""


def test_a_request_that_is_being_answered_when_the_server_is_told_to_stop_gets_its_answer(
    host: Host, serve: Callable[..., AbstractContextManager[GunicornServer]]
) -> None:
    short_lock_wait = {"SQLALCHEMY_ENGINE_OPTIONS": '{"connect_args": {"timeout": 0.05}}'}
    with serve(host, workers=1, **short_lock_wait) as server, ThreadPoolExecutor(1) as client:
        with host.app.app_context(), host.db.engine.connect() as others:
            others.execute(sa.text("UPDATE licensing_products SET name = 'locked'"))
            request = client.submit(server.post, host)
            wait_until(lambda: "attempt 1 ended" in server.log())
            os.kill(server.pid, signal.SIGTERM)
            wait_until(lambda: "Handling signal: term" in server.log())
            others.rollback()
        answer = request.result()
    assert verify_response(answer.body, host.public_key).response["created"] == 1
    assert host.stored_license_keys() == ["AAAA-1111"]


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=B"])
def test_a_client_that_goes_away_in_the_middle_of_its_body_creates_nothing_and_is_no_error(
    media_type: str, reset: bool, shared_server: tuple[Host, GunicornServer]
) -> None:
    host, server = shared_server
    log_before = len(server.log())
    unfinished, another = (secrets.token_hex(8) for _ in range(2))
    body = urlencode(host.fields(license_keys=json.dumps([unfinished]))).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {host.secret}\r\n"
        f"Content-Type: {media_type}\r\nContent-Length: {len(body) + 1}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, END_WITH_A_RESET)
        client.sendall(head.encode() + body)
    # The one worker turns to this request when it is done with the other.
    assert server.post(host, license_keys=json.dumps([another])).status == 200
    assert {unfinished, another}.intersection(host.stored_license_keys()) == {another}
    log = server.log()[log_before:]
    assert "ERROR" not in log
    assert "Traceback" not in log
