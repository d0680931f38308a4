"""Requests as bytes on a socket, behind gunicorn: what HTTP leaves open is decided, and nothing is guessed at."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from flask_licensing.verification import verify_response
from tests.hosts import PATH
from tests.programs import PROJECT, THIS_PROJECT, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.gunicorn_server import GunicornServer
    from tests.hosts import Host

TIMEOUT_SECONDS = 60.0
CHUNKED = "Transfer-Encoding: chunked"


def _form(host: Host, license_key: str) -> bytes:
    return urlencode(host.fields(license_keys=json.dumps([license_key]))).encode()


def _in_chunks(body: bytes) -> bytes:
    middle = len(body) // 2
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:middle], body[middle:], b""))


def _request(host: Host, body: bytes, *headers: str, path: str = PATH, api_key: str | None = None) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {api_key or host.secret}", *headers]
    if not any(line.startswith(("Content-Length", "Transfer-Encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    if not any(line.startswith("Content-Type") for line in headers):
        lines.append("Content-Type: application/x-www-form-urlencoded")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _exchange(port: int, *sent: bytes) -> bytes:
    """Send bytes, each piece after something was received for the one before, and return all that comes back."""
    first, *later = sent
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as client:
        client.sendall(first)
        for piece in later:
            received += client.recv(65536)
            client.sendall(piece)
        # A server that answers without reading all of a request ends the connection with a reset.
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while data := client.recv(65536):
                received += data
    return received


def _answers(host: Host, received: bytes) -> list[tuple[int, int | None]]:
    """Return HTTP status and code of each answer, ``None`` where it is the web server's own."""
    answers = []
    for head, body in re.findall(rb"HTTP/1\.1 (\d+ .*?)\r\n\r\n(.*?)(?=HTTP/1\.1 |\Z)", received, re.DOTALL):
        signed = verify_response(body, host.public_key).response if b"application/json" in head else None
        answers.append((int(head[:3]), signed["code"] if signed else None))
    return answers


def test_requests_that_http_can_be_read_in_two_ways(
    host: Host, serve: Callable[..., AbstractContextManager[GunicornServer]]
) -> None:
    form, other_form = _form(host, "ONE"), _form(host, "TWO")
    whole_request = _request(host, other_form)
    authorization = f"Authorization: Bearer {host.secret}"
    cases = {
        "a body in chunks is taken": ([_request(host, _in_chunks(form), CHUNKED)], [(200, 900)]),
        "chunks of no size": ([_request(host, b"zz\r\n" + form, CHUNKED)], [(400, 9400)]),
        "chunks that break off": ([_request(host, b"ff\r\nabc", CHUNKED)], [(400, 9400)]),
        "a length beside chunks is the server's to refuse": (
            [_request(host, b"0\r\n\r\n" + whole_request, CHUNKED, "Content-Length: 4")],
            [(400, None)],
        ),
        "two lengths": ([_request(host, form, "Content-Length: 5", f"Content-Length: {len(form)}")], [(400, None)]),
        "a negative length": ([_request(host, form, "Content-Length: -1")], [(400, None)]),
        "a length in words": ([_request(host, form, "Content-Length: ten")], [(400, None)]),
        "a length of terabytes": ([_request(host, form, "Content-Length: 99999999999999")], [(413, 9413)]),
        "a body that breaks off": ([_request(host, form, f"Content-Length: {len(form) + 1}")], [(400, 9400)]),
        "what is behind the length is another request": (
            [_request(host, form + whole_request, f"Content-Length: {len(form)}")],
            [(200, 902), (200, 900)],
        ),
        "requests one after another": ([whole_request * 3], [(200, 902)] * 3),
        "a client that waits for 100 Continue": (
            [_request(host, b"", "Expect: 100-continue", f"Content-Length: {len(form)}"), form],
            [(100, None), (200, 902)],
        ),
        "two Authorization headers": ([_request(host, form, authorization)], [(401, 100)]),
        "an API key that is not ASCII": ([_request(host, form, api_key="\xe9\xff")], [(401, 100)]),
        "a folded header": ([_request(host, form, "X: a\r\n b")], [(400, None)]),
        "a compressed body": ([_request(host, b"\x1f\x8b", "Content-Encoding: gzip")], [(415, 9415)]),
        "another method in a header": ([_request(host, form, "X-HTTP-Method-Override: DELETE")], [(200, 902)]),
        "a slash that is escaped": ([_request(host, form, path="/api/v1%2Fcreate-license-keys")], [(404, None)]),
        "a letter that is escaped": ([_request(host, form, path="/api/v1/create%2Dlicense-keys")], [(404, None)]),
        "two slashes in front": ([_request(host, form, path=f"/{PATH}")], [(404, None)]),
        "an escaped slash in front": ([_request(host, form, path=f"/%2F{PATH[1:]}")], [(404, None)]),
        "a path parameter": ([_request(host, form, path=f"{PATH};v=1")], [(404, None)]),
        "a slash too many": ([_request(host, form, path="/api/v1//create-license-keys")], [(404, None)]),
        "a path with a dot": ([_request(host, form, path="/api/v1/./create-license-keys")], [(404, None)]),
        "dots in front": ([_request(host, form, path=f"/.{PATH}")], [(404, None)]),
        "a folder and back": ([_request(host, form, path=f"/x/..{PATH}")], [(404, None)]),
        "a fragment": ([_request(host, form, path=f"{PATH}#x")], [(404, None)]),
        "the path as a fragment": ([_request(host, form, path=f"{PATH}#{PATH}")], [(404, None)]),
        "a path with NUL": ([_request(host, form, path=f"{PATH}%00")], [(404, None)]),
        "an absolute URL of another host": ([_request(host, form, path=f"http://elsewhere{PATH}")], [(200, 902)]),
        "a query is ignored": ([_request(host, form, path=f"{PATH}?api_key=x&status=sold")], [(200, 902)]),
        "a URL of 100 kB": ([_request(host, form, path=f"{PATH}?{'x' * 100_000}")], [(414, None)]),
    }
    with serve(host, "--threads=2", workers=1) as server:
        for name, (sent, expected) in cases.items():
            assert _answers(host, _exchange(server.port, *sent)) == expected, name
    assert host.stored_license_keys() == ["ONE", "TWO"]
    assert "Traceback" not in server.log()


def test_a_body_in_chunks_over_the_limit_is_too_large(
    host: Host, serve: Callable[..., AbstractContextManager[GunicornServer]]
) -> None:
    form = _form(host, "ONE")
    with serve(host, workers=1, LICENSING_MAX_CONTENT_LENGTH=str(len(form) - 1)) as server:
        received = _exchange(server.port, _request(host, _in_chunks(form), CHUNKED))
    assert _answers(host, received) == [(413, 9413)]
    assert host.stored_license_keys() == []


OTHER_SERVERS = {
    "pyuwsgi": ["-c", "import pyuwsgi; pyuwsgi.run()", "--http-socket=127.0.0.1:{port}", "--module={app}"],
    "hypercorn": ["-m", "hypercorn", "--bind=127.0.0.1:{port}", "wsgi:{app}"],
}
"""By module, how Python runs servers that do not tell an app where a body in chunks ends."""


@contextmanager
def _running(server: str, host: Host, private_key: str) -> Iterator[int]:
    """Serve a host's database through another server than gunicorn; yield the port."""
    if find_spec(server) is None:
        pytest.skip(f"needs {server}: pip install {server}")
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    arguments = [part.format(port=port, app="tests.served_host:create_app()") for part in OTHER_SERVERS[server]]
    variables = {
        "SERVED_HOST_PRIVATE_KEY": private_key,
        "FLASK_LICENSING_PRIVATE_KEY_SOURCE": "env:SERVED_HOST_PRIVATE_KEY",
        "FLASK_SQLALCHEMY_DATABASE_URI": host.app.config["SQLALCHEMY_DATABASE_URI"],
    }
    with subprocess.Popen(  # noqa: S603 - the tests' own commands
        [sys.executable, *arguments], cwd=PROJECT, env=THIS_PROJECT | variables, start_new_session=True
    ) as process:
        try:
            wait_until(lambda: process.poll() is not None or _listens(port))
            yield port
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


OTHER_SPELLINGS = (
    *(f"/{PATH}", f"/%2F{PATH[1:]}", f"/.{PATH}", f"/%2e{PATH}", f"/..{PATH}", f"/x/..{PATH}", f"/x/%2E%2E{PATH}"),
    *(f"{PATH}/", f"{PATH}/.", f"{PATH}/x/..", f"{PATH};x", f"{PATH}#x", f"{PATH}#{PATH}", f"{PATH}%3Fx", f"{PATH}%00"),
    *(PATH.replace("v1/", spelling) for spelling in ("v1//", "v1/./", "v1/x/../", "v1\\")),
)
ESCAPED_SPELLINGS = (PATH.replace("-", "%2D"), PATH.replace("a", "%61", 1), PATH.replace("v1/", "v1%2F"))


@pytest.mark.parametrize("name", OTHER_SERVERS)
def test_other_servers_get_no_other_spelling_of_a_path_and_no_body_in_chunks_to_the_endpoint(
    name: str, host: Host, private_key: str
) -> None:
    """uWSGI passes on nothing of chunks, or the raw ones where there is a length too; Hypercorn half of a body as all.

    uWSGI also walks dots, and says so. Hypercorn does not say which characters were escaped.
    """
    form = _form(host, "ONE")
    with _running(name, host, private_key) as port:
        for path in (*OTHER_SPELLINGS, *(ESCAPED_SPELLINGS if name == "pyuwsgi" else ())):
            request = _request(host, form, "Connection: close", path=path)
            assert _answers(host, _exchange(port, request)) == [(404, None)], path
        for whole in (
            _request(host, _in_chunks(form), CHUNKED),
            _request(host, _in_chunks(form), CHUNKED, f"Content-Length: {len(form)}"),
        ):
            assert _answers(host, _exchange(port, whole)) == [(400, 9400)]
        for broken_off in (
            _request(host, _in_chunks(form).removesuffix(b"0\r\n\r\n"), CHUNKED),
            _request(host, form, f"Content-Length: {len(form) + 1}"),
        ):
            # Hypercorn refuses some by itself, where it sees the end before the app has answered.
            assert [status for status, _ in _answers(host, _exchange(port, broken_off))] == [400]
        assert host.stored_license_keys() == []
        assert _answers(host, _exchange(port, _request(host, form, "Connection: close"))) == [(200, 900)]
    assert host.stored_license_keys() == ["ONE"]
