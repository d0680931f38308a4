"""Guessing API keys: failed authentications are counted by address, and valid callers are never locked out."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.pool import QueuePool

from flask_licensing.api import authentication
from flask_licensing.config import Settings
from flask_licensing.limiters import in_process
from flask_licensing.limiters.in_process import InProcessLimiter
from flask_licensing.services.rate_limits import network_of
from tests.hosts import PATH
from tests.redis_server import redis_url, running_redis

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from werkzeug.test import TestResponse

    from flask_licensing.testing.parts import FrozenClock
    from tests.gunicorn_server import GunicornServer
    from tests.hosts import Host

LIMIT = 3
GUESS = "a guess"


@pytest.fixture
def host(create_host: Callable[..., Host], licensing_clock: FrozenClock) -> Host:
    return create_host(failed_attempts_per_minute=LIMIT, clock=licensing_clock)


def _try(host: Host, secret: str = GUESS, address: str = "192.0.2.1", **options: Any) -> TestResponse:
    options.setdefault("headers", {"Authorization": f"Bearer {secret}"})
    return host.app.test_client().post(PATH, data=host.fields(), environ_overrides={"REMOTE_ADDR": address}, **options)


def _codes(host: Host, count: int, *arguments: str, **options: Any) -> list[int]:
    return [host.verified(_try(host, *arguments, **options))["code"] for _ in range(count)]


def test_over_the_limit_failing_attempts_are_answered_9429_and_say_when_to_come_back(
    host: Host, licensing_clock: FrozenClock
) -> None:
    assert _codes(host, LIMIT) == [100] * LIMIT
    licensing_clock.move(seconds=20)
    answer = _try(host)
    assert (answer.status_code, host.verified(answer)["code"]) == (429, 9429)
    assert answer.headers["Retry-After"] == "40"
    assert answer.get_json()["retry_after"] == 40
    licensing_clock.move(seconds=40)
    assert _codes(host, 1) == [100]


def test_a_valid_caller_is_never_locked_out_by_failures_from_its_address(host: Host) -> None:
    assert _codes(host, LIMIT + 5)[-1] == 9429
    assert _codes(host, 3, host.secret) == [900, 902, 902]
    assert _codes(host, 1) == [9429]


def test_a_valid_caller_does_not_use_up_the_attempts(host: Host) -> None:
    _codes(host, LIMIT + 5, host.secret)
    assert _codes(host, LIMIT) == [100] * LIMIT


def test_over_the_limit_unknown_and_inactive_api_keys_are_answered_alike(host: Host) -> None:
    with host.app.app_context():
        revoked = host.licensing.create_api_key("revoked")
        host.licensing.revoke_api_key(revoked.api_key.id)
    assert _codes(host, LIMIT, revoked.secret) == [101] * LIMIT
    unknown, inactive = _try(host), _try(host, revoked.secret)
    assert unknown.data == inactive.data
    differing = {"X-Request-ID"}
    assert [header for header in unknown.headers if header[0] not in differing] == [
        header for header in inactive.headers if header[0] not in differing
    ]


def test_a_key_that_is_known_but_not_permitted_is_no_guess(host: Host) -> None:
    with host.app.app_context():
        elsewhere = host.licensing.create_api_key("elsewhere", allowed_ips=["198.51.100.1"]).secret
        incapable = host.licensing.create_api_key("incapable", capabilities=[]).secret
    assert _codes(host, LIMIT + 1, elsewhere) == [103] * (LIMIT + 1)
    assert _codes(host, LIMIT + 1, incapable) == [102] * (LIMIT + 1)
    assert _codes(host, LIMIT) == [100] * LIMIT


def test_another_address_has_attempts_of_its_own(host: Host) -> None:
    _codes(host, LIMIT + 1)
    assert _codes(host, 1, address="192.0.2.2") == [100]


def test_all_addresses_of_an_ipv6_network_of_64_bits_count_as_one(host: Host) -> None:
    addresses = [f"2001:db8:0:1::{number}" for number in range(1, LIMIT + 2)]
    assert [_codes(host, 1, address=address)[0] for address in addresses] == [100] * LIMIT + [9429]
    assert _codes(host, 1, address="2001:db8:0:2::1") == [100]


def test_requests_without_any_api_key_count_too(host: Host) -> None:
    assert _codes(host, LIMIT + 1, headers={}) == [100] * LIMIT + [9429]


@pytest.mark.parametrize("off", [0, None])
def test_the_limit_can_be_turned_off(create_host: Callable[..., Host], off: int | None) -> None:
    settings = Settings.collect({"LICENSING_FAILED_ATTEMPTS_PER_MINUTE": off}, {})
    host = create_host(failed_attempts_per_minute=settings.failed_attempts_per_minute)
    assert _codes(host, 100) == [100] * 100


def test_by_default_it_is_on(create_host: Callable[..., Host], licensing_clock: FrozenClock) -> None:
    host = create_host(clock=licensing_clock)
    permitted = Settings().failed_attempts_per_minute
    assert 10 <= permitted <= 100
    assert _codes(host, permitted + 1) == [100] * permitted + [9429]


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_what_an_address_counts_as(address: str | None, counts_as: str) -> None:
    assert network_of(address) == counts_as


def test_memory_is_bounded_and_the_oldest_is_forgotten_first(
    licensing_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_process, "MAX_KEYS", 100)
    limiter = InProcessLimiter(1, 60, licensing_clock)
    assert [limiter.hit(str(number)) for number in range(100)] == [None] * 100
    assert limiter.hit("0") == 60
    assert limiter.hit("one more") is None
    assert limiter.hit("0") is None
    assert limiter.hit("99") == 60


def test_a_clock_set_back_begins_a_new_window(licensing_clock: FrozenClock) -> None:
    limiter = InProcessLimiter(1, 60, licensing_clock)
    limiter.hit("a")
    assert limiter.hit("a") == 60
    licensing_clock.move(days=-1)
    assert limiter.hit("a") is None


def test_processes_count_together_where_a_storage_is_shared(
    create_host: Callable[..., Host], serve: Callable[..., AbstractContextManager[GunicornServer]]
) -> None:
    settings = {
        "LICENSING_FAILED_ATTEMPTS_PER_MINUTE": "10",
        "LICENSING_RATE_LIMIT_STORAGE_URL": redis_url(),
        "LICENSING_RATE_LIMIT_KEY_PREFIX": f"test-{secrets.token_hex(8)}",
    }
    host = create_host()
    right, host.secret = host.secret, GUESS
    with serve(host, workers=1, **settings) as one, serve(host, workers=1, **settings) as other:
        answers = [server.post(host).status for server in (one, other) * 6]
        host.secret = right
        assert [server.post(host).status for server in (one, other)] == [200, 200]
    assert answers == [401] * 10 + [429] * 2


def test_each_process_counts_by_itself_while_the_storage_is_away(
    create_host: Callable[..., Host], tmp_path: Path
) -> None:
    with running_redis(tmp_path) as (url, server):
        host = create_host(failed_attempts_per_minute=LIMIT, rate_limit_storage_url=url)
        assert _codes(host, LIMIT + 1) == [100] * LIMIT + [9429]
        server.kill()
        server.wait()
        assert _codes(host, LIMIT + 1) == [100] * LIMIT + [9429]


@pytest.mark.parametrize(("elapsed", "rest"), [(0.0, 5), (0.0012, 3.8), (0.0072, 2.8), (0.0999, 0.1)])
def test_what_is_left_of_a_step(elapsed: float, rest: float) -> None:
    assert authentication.rest_of_step(elapsed) == pytest.approx(rest / 1000)


@pytest.mark.parametrize("revoked", [False, True], ids=["unknown", "inactive"])
def test_a_refusal_waits_for_a_full_step_without_a_connection(
    host: Host, monkeypatch: pytest.MonkeyPatch, revoked: bool
) -> None:
    with host.app.app_context():
        created = host.licensing.create_api_key("revoked")
        host.licensing.revoke_api_key(created.api_key.id)
        pool = host.db.engine.pool
    assert isinstance(pool, QueuePool)
    waits: list[tuple[float, int]] = []
    monkeypatch.setattr(authentication, "sleep", lambda seconds: waits.append((seconds, pool.checkedout())))
    _try(host, created.secret if revoked else GUESS)
    ((seconds, connections),) = waits
    assert 0 < seconds <= authentication.REFUSAL_STEP_SECONDS
    assert connections == 0


def test_a_caller_that_is_let_in_does_not_wait(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(authentication, "sleep", waits.append)
    assert _codes(host, 1, host.secret) == [900]
    assert waits == []
