"""Requests of every kind: never a 500, always signed, nothing added that was not counted, no secret shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import hostile_requests
from tests.request_checks import RequestChecker, captured_log
from tests.scale import SCALE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hosts import Host

bounded = settings(deadline=None, max_examples=60 * SCALE, suppress_health_check=[*HealthCheck])


@pytest.fixture
def checker(host: Host) -> Iterator[RequestChecker]:
    with captured_log() as log:
        yield RequestChecker(host, log)


@bounded
@given(st.data())
def test_fields_of_any_kind(host: Host, checker: RequestChecker, data: st.DataObject) -> None:
    checker.check(data.draw(hostile_requests.any_fields(host.product_id)))


@bounded
@given(st.data())
def test_fields_repeated_and_under_odd_names(host: Host, checker: RequestChecker, data: st.DataObject) -> None:
    checker.check(data.draw(hostile_requests.repeated_and_odd_fields(host.product_id)))


@bounded
@given(st.data())
def test_bodies_that_are_broken_or_of_another_type(host: Host, checker: RequestChecker, data: st.DataObject) -> None:
    checker.check(data.draw(hostile_requests.bodies_of_any_kind(host.product_id)))


@pytest.mark.parametrize("path", ["openapi.json", "public-keys", "public-keys/7"])
def test_a_word_that_is_no_method_is_the_sites_405_on_the_path_of_a_document_too(
    checker: RequestChecker, path: str
) -> None:
    """A random request for one was reported as a failure of the package."""
    request = hostile_requests.HostileRequest(b"", None, method="FOO", path=f"/api/v1/{path}".encode())
    assert checker.check(request) is None
    assert checker.outcomes == {405: 1}


@bounded
@given(st.data())
def test_odd_headers_paths_and_methods(host: Host, checker: RequestChecker, data: st.DataObject) -> None:
    checker.check(data.draw(hostile_requests.any_headers(host.product_id, host.secret)))
