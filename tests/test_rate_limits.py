"""Rate limits per caller: code 9429, with the library of Flask-Limiter."""

from __future__ import annotations

import logging
import secrets
import signal
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from flask_licensing import ConfigurationError, Licensing
from flask_licensing.core.domain import Caller
from flask_licensing.stores.memory import MemoryKeyStore
from tests.hosts import PATH, set_up_licensing
from tests.http_client import at_once
from tests.programs import run_python, wait_until
from tests.redis_server import redis_url, running_redis

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from werkzeug.test import TestResponse

    from tests.gunicorn_server import GunicornServer
    from tests.hosts import Host

pytest.importorskip("limits", reason="needs Flask-Limiter: pip install '.[rate-limiting]'")

UNREACHABLE = "redis://127.0.0.1:1/"


def _codes(host: Host, count: int, **options: Any) -> list[int]:
    """The codes of so many requests, each for a license key of its own."""
    return [
        _code(host, host.post(host.fields(license_keys=f'["{secrets.token_hex(8)}"]'), **options)) for _ in range(count)
    ]


def _code(host: Host, answer: TestResponse) -> int:
    code: int = host.verified(answer)["code"]
    return code


def test_by_default_there_is_no_limit(host: Host) -> None:
    assert _codes(host, 50) == [900] * 50


def test_over_the_limit_a_signed_9429_says_when_to_come_back(create_host: Callable[..., Host]) -> None:
    host = create_host(rate_limit="2 per minute")
    assert _codes(host, 2) == [900, 900]
    answer = host.post(host.fields(license_keys='["REFUSED"]'))
    assert answer.status_code == 429
    assert host.verified(answer).keys() == {"code", "message", "timestamp"}
    assert host.verified(answer)["message"] == "Too many requests"
    envelope = answer.get_json()
    assert list(envelope) == ["response", "response_base64", "private_key_used", "signature", "retry_after"]
    assert envelope["private_key_used"] == "global"
    assert 1 <= envelope["retry_after"] <= 60
    assert answer.headers["Retry-After"] == str(envelope["retry_after"])
    assert "REFUSED" not in host.stored_license_keys()


def test_when_the_window_is_over_another_begins(create_host: Callable[..., Host]) -> None:
    host = create_host(rate_limit="1 per 1 second")
    assert _codes(host, 1) == [900]
    wait_until(lambda: _codes(host, 1) == [900])


def test_each_caller_has_a_limit_of_its_own(create_host: Callable[..., Host]) -> None:
    host = create_host(rate_limit="1 per minute")
    with host.app.app_context():
        other = host.licensing.create_api_key("another").secret
    assert _codes(host, 2) == [900, 9429]
    assert _codes(host, 2, headers={"Authorization": f"Bearer {other}"}) == [900, 9429]


def test_several_limits_hold_at_once(create_host: Callable[..., Host]) -> None:
    host = create_host(rate_limit="100 per minute; 2 per hour")
    answers = [host.post(host.fields()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].get_json()["retry_after"] > 60


def test_requests_that_are_refused_or_replayed_count_and_strangers_do_not(create_host: Callable[..., Host]) -> None:
    host = create_host(rate_limit="4 per minute")
    for _ in range(5):
        host.app.test_client().post(PATH, data=host.fields())
    headers = {"Idempotency-Key": "order-7"}
    first, replayed = (host.post(host.fields(), headers=headers) for _ in range(2))
    assert first.data == replayed.data
    assert _code(host, host.post(host.fields(status="sold"))) == 901
    assert _code(host, host.post({}, content_type="text/plain")) == 9415
    assert _codes(host, 1) == [9429]
    assert host.post(host.fields(), headers=headers).status_code == 429


def test_the_limit_comes_before_the_body_is_parsed_and_after_the_api_key(create_host: Callable[..., Host]) -> None:
    host = create_host(rate_limit="1 per minute")
    _codes(host, 1)
    malformed = {"data": b"\xff", "content_type": "application/json"}
    client = host.app.test_client()
    known = client.post(PATH, **malformed, headers={"Authorization": f"Bearer {host.secret}"})
    unknown = client.post(PATH, **malformed, headers={"Authorization": "Bearer unknown"})
    assert (_code(host, known), _code(host, unknown)) == (9429, 100)


def test_a_caller_of_any_name_is_counted(create_host: Callable[..., Host]) -> None:
    url, prefix = redis_url(), f"test-{secrets.token_hex(8)}"
    host = create_host(
        rate_limit="1 per minute",
        rate_limit_storage_url=url,
        rate_limit_key_prefix=prefix,
        authenticator=lambda _: Caller("Zoë / 100% \n" + "x" * 300),
    )
    assert _codes(host, 2) == [900, 9429]


def test_two_processes_share_one_limit(
    create_host: Callable[..., Host], serve: Callable[..., AbstractContextManager[GunicornServer]]
) -> None:
    settings = {
        "LICENSING_RATE_LIMIT": "10 per hour",
        "LICENSING_RATE_LIMIT_STORAGE_URL": redis_url(),
        "LICENSING_RATE_LIMIT_KEY_PREFIX": f"test-{secrets.token_hex(8)}",
    }
    host = create_host()
    with ExitStack() as servers:
        both = [servers.enter_context(serve(host, workers=1, **settings)) for _ in range(2)]
        answers = at_once([partial(server.post, host, license_keys='["A"]') for server in both * 10])
    assert sorted(answer.status for answer in answers) == [200] * 10 + [429] * 10


def test_sites_with_different_prefixes_do_not_share(create_host: Callable[..., Host]) -> None:
    url = redis_url()
    for _ in range(2):
        host = create_host(
            rate_limit="1 per minute", rate_limit_storage_url=url, rate_limit_key_prefix=f"test-{secrets.token_hex(8)}"
        )
        assert _codes(host, 2) == [900, 9429]


def test_the_storage_of_flask_limiter_is_the_default(private_key: str, public_key: str, tmp_path: Path) -> None:
    prefix = f"test-{secrets.token_hex(8)}"
    for expected in ([900, 900], [900, 9429]):
        app = Flask("host")
        app.config.update(
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / f'{expected[1]}.db'}",
            RATELIMIT_STORAGE_URI=redis_url(),
            RATELIMIT_STORAGE_OPTIONS={"socket_timeout": 5},
            LICENSING_RATE_LIMIT="3 per minute",
            LICENSING_RATE_LIMIT_KEY_PREFIX=prefix,
        )
        host = set_up_licensing(app, private_key, public_key)
        assert _codes(host, 2) == expected
        with app.app_context():
            host.db.engine.dispose()


def test_nothing_of_flask_limiter_is_registered_on_the_app(create_host: Callable[..., Host]) -> None:
    plain, limited = create_host(), create_host(rate_limit="1 per minute")
    assert "limiter" not in limited.app.extensions
    for hooks in ("before_request_funcs", "after_request_funcs", "error_handler_spec"):
        assert getattr(limited.app, hooks).keys() == getattr(plain.app, hooks).keys()


def test_requests_pass_while_the_storage_is_away_and_are_limited_again_afterwards(
    create_host: Callable[..., Host], tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_licensing.rate_limits.stored.OUTAGE_SECONDS", 0.1)
    with running_redis(tmp_path) as (url, server):
        host = create_host(rate_limit="1 per hour", rate_limit_storage_url=url)
        assert _codes(host, 2) == [900, 9429]
        server.send_signal(signal.SIGSTOP)
        with caplog.at_level(logging.WARNING, "flask_licensing"):
            assert _codes(host, 1) == [900]
        assert "the storage of rate limits failed (TimeoutError)" in caplog.text
        server.send_signal(signal.SIGCONT)
        wait_until(lambda: _codes(host, 1) == [9429])
        server.kill()
        server.wait()
        assert _codes(host, 1) == [900]
        assert "(ConnectionError)" in caplog.text


def test_a_storage_that_failed_is_not_asked_again_at_once(
    create_host: Callable[..., Host], caplog: pytest.LogCaptureFixture
) -> None:
    host = create_host(rate_limit="1 per hour", rate_limit_storage_url=UNREACHABLE)
    assert _codes(host, 5) == [900] * 5
    assert caplog.text.count("the storage of rate limits failed") == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate_limit": "often"}, "LICENSING_RATE_LIMIT is wrong: .*often"),
        ({"rate_limit": "0 per minute"}, "LICENSING_RATE_LIMIT is wrong: it permits nothing"),
        ({"rate_limit": 5}, "LICENSING_RATE_LIMIT is wrong: must be text"),
        ({"rate_limit_storage_url": "nothing://u:pass@h"}, "can't be used: unknown scheme"),
        ({"rate_limit_storage_url": "async+memory://"}, "can't be an asynchronous one"),
        ({"rate_limit_key_prefix": ""}, "LICENSING_RATE_LIMIT_KEY_PREFIX is wrong"),
    ],
)
def test_a_wrong_setting_is_refused_at_start(settings: dict[str, Any], message: str) -> None:
    app = Flask("site")
    app.testing = True
    with pytest.raises(ConfigurationError, match=message) as refused:
        Licensing(app, key_store=MemoryKeyStore(), **settings)
    assert "pass@h" not in str(refused.value)


WITHOUT_EXTRA = """
import sys
sys.modules["limits"] = None  # as if it were not installed
from flask import Flask
from flask_licensing import ConfigurationError, Licensing
from flask_licensing.stores.memory import MemoryKeyStore
for name in sys.argv[1:]:
    app = Flask("site")
    app.testing = True
    if name:
        app.config[name] = "1 per minute" if name.endswith("LIMIT") else "redis://127.0.0.1"
    try:
        Licensing(app, key_store=MemoryKeyStore())
    except ConfigurationError as refusal:
        print(refusal)
    else:
        print("started")
"""


def test_without_the_extra_a_setting_that_asks_for_it_is_refused_with_the_fix(tmp_path: Path) -> None:
    settings = ["", "RATELIMIT_STORAGE_URI", "LICENSING_RATE_LIMIT", "LICENSING_RATE_LIMIT_STORAGE_URL"]
    finished = run_python("-c", WITHOUT_EXTRA, *settings, folder=tmp_path)
    fix = "needs Flask-Limiter: pip install 'flask-licensing[rate-limiting]'."
    refused = [f"{setting} {fix}" for setting in settings[2:]]
    assert finished.stdout.splitlines() == ["started", "started", *refused], finished.stderr


def test_the_urls_password_is_not_in_the_repr_of_the_settings() -> None:
    app = Flask("site")
    app.testing = True
    licensing = Licensing(app, key_store=MemoryKeyStore(), rate_limit_storage_url="redis://:open-sesame@127.0.0.1/")
    with app.app_context():
        assert "open-sesame" not in repr(licensing.state)


def test_the_hosts_own_429_has_the_contracts_form(host: Host) -> None:
    from werkzeug.exceptions import TooManyRequests

    @host.app.before_request
    def refuse() -> None:
        raise TooManyRequests(retry_after=7)

    answer = host.post(host.fields())
    assert (answer.status_code, _code(host, answer)) == (429, 9429)
    assert answer.headers["Retry-After"] == "7"
    assert answer.get_json()["retry_after"] == 7
