"""Requests that schemathesis makes from the description of an app, as it says and as it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests
import schemathesis
from hypothesis import strategies as st

from tests.hostile_requests import HostileRequest
from tests.hosts import PATH

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from tests.hosts import Host

_SENT_HEADERS = ("Idempotency-Key", "X-Request-ID")
_OF_TRANSPORT = ("method", "url", "headers", "params", "data", "json", "files", "cookies")


def described_requests(host: Host) -> SearchStrategy[HostileRequest]:
    """Requests of the first endpoint."""
    with host.app.app_context():
        description = host.licensing.openapi()
    operation = schemathesis.openapi.from_dict(description)[f"/{PATH.rsplit('/', 1)[1]}"]["POST"]
    cases = [operation.as_strategy(mode) for mode in schemathesis.GenerationMode]
    return st.one_of(*cases).map(_as_sent)


def _as_sent(case: Any) -> HostileRequest:
    arguments = case.as_transport_kwargs(base_url="http://localhost")
    sent: Any = requests.Request(**{name: arguments[name] for name in _OF_TRANSPORT if name in arguments}).prepare()
    body = sent.body or b""
    return HostileRequest(
        body.encode() if isinstance(body, str) else body,
        sent.headers.get("Content-Type"),
        headers={name: sent.headers[name] for name in _SENT_HEADERS if name in sent.headers},
    )
