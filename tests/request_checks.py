"""What has to hold of the answer to any request at all, and of the database and the log after it."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import sqlalchemy as sa

from flask_licensing.errors import ANY_ENDPOINTS_CODES, TooManyRequests
from flask_licensing.features import FEATURES
from flask_licensing.models import LicenseKey
from tests.hosts import PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.test import TestResponse

    from tests.hostile_requests import HostileRequest
    from tests.hosts import Host

MEMBERS = ["response", "response_base64", "private_key_used", "signature"]
CREATED, NONE_CREATED = 900, 902
OK, NO_CONTENT = 200, 204
ENDPOINTS = [endpoint for feature in FEATURES for endpoint in feature.endpoints]
_CODES = [*ANY_ENDPOINTS_CODES, *(code for endpoint in ENDPOINTS for code in endpoint.all_outcomes)]
STATUS_OF_CODE = {code.number: code.status for code in _CODES}


class RequestChecker:
    """Sends requests to a host and checks each answer; ``outcomes`` counts the codes that were answered.

    A request is authenticated with the host's API key, unless it says otherwise itself.
    """

    def __init__(self, host: Host, log: list[logging.LogRecord]) -> None:
        self._host = host
        self._log = log
        self._client = host.app.test_client()
        self._idempotent_answers: set[bytes] = set()
        self.outcomes: dict[int, int] = {}

    def send(self, request: HostileRequest) -> TestResponse:
        """Put the request to the app as a WSGI server would, without tidying it."""
        headers = {"Authorization": f"Bearer {self._host.secret}"} | dict(request.headers)
        environ: dict[str, Any] = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
        environ |= {
            "PATH_INFO": _path_info(request.path),
            "QUERY_STRING": request.query.decode("latin-1"),
            "CONTENT_LENGTH": str(len(request.body)),
            "CONTENT_TYPE": request.content_type or "",
        }
        return self._client.open("/", method=request.method, data=request.body, environ_overrides=environ)

    def check(self, request: HostileRequest) -> dict[str, Any] | None:
        """Send a request and return its verified ``response``, ``None`` where the answer has no body."""
        self._log.clear()
        before = self._stored()
        answer = self.send(request)
        added = self._stored() - before
        self._check_log()
        self._check_nothing_leaked(answer)
        response = self._response(request, answer)
        code = response["code"] if response else None
        self.outcomes[code or answer.status_code] = self.outcomes.get(code or answer.status_code, 0) + 1
        created = response["created"] if response and code == CREATED else 0
        assert added == created or (added == 0 and self._is_replay(request, answer))
        if "Idempotency-Key" in request.headers:
            self._idempotent_answers.add(answer.data)
        if response and code in {CREATED, NONE_CREATED}:
            assert (response["created"] > 0) == (code == CREATED)
            if request.fields is not None:
                assert response["created"] + response["duplicate"] == _sent(request.fields["license_keys"])
        return response

    def _is_replay(self, request: HostileRequest, answer: TestResponse) -> bool:
        return "Idempotency-Key" in request.headers and answer.data in self._idempotent_answers

    def _response(self, request: HostileRequest, answer: TestResponse) -> dict[str, Any] | None:
        if request.method == "HEAD" or answer.status_code == NO_CONTENT:
            assert answer.data == b""
            return None
        if request.method == "GET" and answer.status_code == OK:
            # Published documents are no answers of the API.
            assert answer.headers["Cache-Control"].startswith("public")
            return None
        if answer.mimetype == "text/html":
            self._check_it_is_the_sites(request, answer)
            return None
        response = self._host.verified(answer)
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        retry_after = ["retry_after"] if answer.status_code == TooManyRequests.code.status else []
        assert list(json.loads(answer.data)) == [*MEMBERS, *retry_after]
        names = list(response)
        assert (names[:2], names[-1]) == (["code", "message"], "timestamp")
        assert answer.status_code == STATUS_OF_CODE[response["code"]]
        assert answer.status_code < 500, response
        return response

    def _check_it_is_the_sites(self, request: HostileRequest, answer: TestResponse) -> None:
        # A path that is no endpoint, or a word that is no method of HTTP on a path that is one, or a document's.
        path = request.path.decode()
        expected = set() if path == PATH else {404}
        if request.method == "FOO" and (path == PATH or "openapi.json" in path or "public-keys" in path):
            expected.add(405)
        assert answer.status_code in expected

    def _check_log(self) -> None:
        for record in self._log:
            if record.name.startswith("flask_licensing"):
                assert record.levelno < logging.ERROR, record.getMessage()
                assert record.getMessage().isprintable()

    def _check_nothing_leaked(self, answer: TestResponse) -> None:
        # Texts that hold no secret at all would make the check pass always.
        assert len(self._host.secret) > 16
        assert self._host.secret not in answer.text
        assert self._host.secret not in str(answer.headers)
        format_record = logging.Formatter().format
        assert not [record for record in self._log if self._host.secret in format_record(record)]

    def _stored(self) -> int:
        with self._host.app.app_context():
            count = self._host.db.session.scalar(sa.select(sa.func.count()).select_from(LicenseKey))
        return count or 0


def _path_info(path: bytes) -> str:
    return unquote_to_bytes(path).decode("latin-1")


def _sent(license_keys: Any) -> int:
    return len(json.loads(license_keys) if isinstance(license_keys, str) else license_keys)


@contextmanager
def captured_log() -> Iterator[list[logging.LogRecord]]:
    """Collect whatever is logged, by anything and at any level."""
    records: list[logging.LogRecord] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    root, handler = logging.getLogger(), Collect()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield records
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
