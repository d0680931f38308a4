"""Who may call: contract section 2."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_licensing.core.domain import Caller, Credentials
from flask_licensing.errors import AccessDenied, ConfigurationError, IncorrectData
from flask_licensing.models import ApiKey
from tests.hosts import PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from tests.hosts import Host

DENIED_MESSAGES = {
    100: "Invalid API Key",
    101: "Inactive API Key",
    102: "The used API key doesn't have the required capability to access this endpoint",
    103: "API key can't be used from this IP address",
    150: "Access denied",
}


def _call(host: Host, secret: str | None, **options: Any) -> TestResponse:
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    return host.app.test_client().post(PATH, data=host.fields(), headers=headers, **options)


def _refused(host: Host, answer: TestResponse, code: int) -> None:
    response = host.verified(answer)
    assert response.keys() == {"code", "message", "timestamp"}
    assert (response["code"], response["message"]) == (code, DENIED_MESSAGES[code])
    assert answer.status_code == (403 if code == 150 else 401)
    assert answer.get_json()["private_key_used"] == "global"
    assert host.stored_license_keys() == []


def _new_secret(host: Host, **options: Any) -> str:
    with host.app.app_context():
        return host.licensing.create_api_key("limited", **options).secret


@pytest.mark.parametrize("secret", [None, "unknown", "Ünknown", "x" * 10_000])
def test_an_unknown_api_key_is_code_100(host: Host, secret: str | None) -> None:
    _refused(host, _call(host, secret), 100)


def test_a_revoked_api_key_is_code_101(host: Host) -> None:
    secret = _new_secret(host)
    with host.app.app_context():
        revoked = host.licensing.list_api_keys()[-1]
        assert host.licensing.revoke_api_key(revoked.id)
        assert not host.licensing.list_api_keys()[-1].active
        assert not host.licensing.revoke_api_key(999)
    _refused(host, _call(host, secret), 101)


def test_an_expired_api_key_is_code_101(create_host: Callable[..., Host]) -> None:
    now = datetime(2026, 1, 1, 12)
    host = create_host(clock=lambda: now)
    secret = _new_secret(host, expires_at=now + timedelta(seconds=1))
    assert _call(host, secret).status_code == 200
    ended = create_host(clock=lambda: now)
    _refused(ended, _call(ended, _new_secret(ended, expires_at=now)), 101)


def test_an_api_key_without_the_capability_is_code_102(host: Host) -> None:
    _refused(host, _call(host, _new_secret(host, capabilities=[])), 102)
    assert _call(host, _new_secret(host, capabilities=["create-license-keys"])).status_code == 200


@pytest.mark.parametrize(
    ("allowed", "address", "admitted"),
    [
        (["192.0.2.1"], "192.0.2.1", True),
        (["192.0.2.1"], "192.0.2.2", False),
        (["192.0.2.0/24"], "192.0.2.77", True),
        (["192.0.2.0/24"], "198.51.100.1", False),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["2001:db8::/32"], "2001:db9::1", False),
        (["192.0.2.1"], "::ffff:192.0.2.1", True),
        (["192.0.2.1"], "unix:", False),
        ([], "192.0.2.1", False),
    ],
)
def test_an_api_key_used_from_elsewhere_is_code_103(
    host: Host, allowed: list[str], address: str, admitted: bool
) -> None:
    answer = _call(host, _new_secret(host, allowed_ips=allowed), environ_overrides={"REMOTE_ADDR": address})
    if admitted:
        assert answer.status_code == 200
    else:
        _refused(host, answer, 103)


def test_a_blocked_address_is_code_150_whatever_its_api_key(create_host: Callable[..., Host]) -> None:
    host = create_host(blocked_addresses=["192.0.2.0/24"])
    _refused(host, _call(host, host.secret, environ_overrides={"REMOTE_ADDR": "192.0.2.9"}), 150)
    assert _call(host, host.secret).status_code == 200


@pytest.mark.parametrize("blocked", ["192.0.2.9", "192.0.2.0/24", "::ffff:192.0.2.9", "::ffff:192.0.2.0/120", "::/0"])
@pytest.mark.parametrize("address", ["192.0.2.9", "::ffff:192.0.2.9"])
def test_an_ipv4_address_is_blocked_however_it_is_written(
    create_host: Callable[..., Host], blocked: str, address: str
) -> None:
    host = create_host(blocked_addresses=[blocked])
    answer = _call(host, host.secret, environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == (200 if blocked == "::/0" else 403)


AS_PROXIES_WRITE_IT = [
    "{}",
    " {}\t",
    "{}:4711",
    "{}:",
    "[::ffff:{}]",
    "[::ffff:{}]:443",
    " [::ffff:{}]:443 ",
    "::ffff:{}%eth0",
]


@pytest.mark.parametrize("written", AS_PROXIES_WRITE_IT)
def test_an_address_is_the_same_however_a_proxy_writes_it(create_host: Callable[..., Host], written: str) -> None:
    host = create_host(blocked_addresses=["192.0.2.9"])
    secret = _new_secret(host, allowed_ips=["192.0.2.8"])
    for last, code in ((9, 150), (7, 103)):
        _refused(host, _call(host, secret, environ_overrides={"REMOTE_ADDR": written.format(f"192.0.2.{last}")}), code)
    allowed = _call(host, secret, environ_overrides={"REMOTE_ADDR": written.format("192.0.2.8")})
    assert host.verified(allowed)["code"] == 900


@pytest.mark.parametrize(
    "written",
    ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443", " [2001:DB8:0::1]", "2001:db8::1%2"],
)
def test_an_ipv6_address_is_blocked_however_a_proxy_writes_it(create_host: Callable[..., Host], written: str) -> None:
    host = create_host(blocked_addresses=["2001:db8::1"])
    _refused(host, _call(host, host.secret, environ_overrides={"REMOTE_ADDR": written}), 150)
    other = written.replace("::1", "::2")
    assert _call(host, host.secret, environ_overrides={"REMOTE_ADDR": other}).status_code == 200


NO_ADDRESSES = [None, "", " ", "unix:", "unknown", "192.0.2", "192.0.2.09", "192.0.2.9:http", "[192.0.2.9", "[]:443"]


@pytest.mark.parametrize("address", [*NO_ADDRESSES, "192.0.2.9, 192.0.2.8", "2001:db8::1]:443", "192.0.2.9/32"])
def test_what_is_no_address_is_refused_where_a_list_is_set_and_only_there(
    create_host: Callable[..., Host], address: str | None
) -> None:
    host = create_host()
    call = {"environ_overrides": {"REMOTE_ADDR": address}}
    _refused(host, _call(host, _new_secret(host, allowed_ips=["0.0.0.0/0", "::/0"]), **call), 103)
    assert _call(host, host.secret, **call).status_code == 200
    blocking = create_host(blocked_addresses=["198.51.100.1"])
    _refused(blocking, _call(blocking, blocking.secret, **call), 150)


def test_what_is_no_address_is_logged_once(create_host: Callable[..., Host], caplog: pytest.LogCaptureFixture) -> None:
    host = create_host(blocked_addresses=["198.51.100.1"])
    assert host.verified(_call(host, host.secret))["code"] == 900
    assert "no IP address" not in caplog.text
    for address in ("no\naddress", "another", None):
        answer = _call(host, host.secret, environ_overrides={"REMOTE_ADDR": address})
        assert host.verified(answer)["code"] == 150
    assert caplog.text.count("is no IP address") == 1
    assert "'no\\naddress' is no IP address" in caplog.text
    assert "ProxyFix" in caplog.text


def test_an_ipv6_network_is_blocked(create_host: Callable[..., Host]) -> None:
    host = create_host(blocked_addresses=["2001:db8::/32", "fe80::1"])
    for address in ("2001:db8:1::2", "fe80::1"):
        _refused(host, _call(host, host.secret, environ_overrides={"REMOTE_ADDR": address}), 150)
    assert _call(host, host.secret, environ_overrides={"REMOTE_ADDR": "2001:db9::1"}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", [PATH, "/api/v1/public-keys", "/api/v1/openapi.json"])
def test_a_blocked_address_is_told_nothing_about_methods(
    create_host: Callable[..., Host], method: str, path: str
) -> None:
    host = create_host(blocked_addresses=["127.0.0.1"])
    answer = host.app.test_client().open(path, method=method, data=b"\xff", content_type="application/json")
    _refused(host, answer, 150)


def test_a_blocked_address_sees_the_hosts_own_pages(create_host: Callable[..., Host]) -> None:
    host = create_host(blocked_addresses=["127.0.0.1"])
    host.app.add_url_rule("/api/v1/of-the-host", "of-the-host", lambda: "the host's", methods=["GET"])
    client = host.app.test_client()
    assert client.get("/api/v1/of-the-host").text == "the host's"
    assert client.post("/api/v1/of-the-host").status_code == 405


def test_behind_a_proxy_the_address_is_the_one_that_proxyfix_finds(create_host: Callable[..., Host]) -> None:
    host = create_host(blocked_addresses=["192.0.2.9"])
    forwarded = {"X-Forwarded-For": "198.51.100.7, 192.0.2.9"}
    assert host.post(host.fields(), headers=forwarded).status_code == 200
    host.app.wsgi_app = ProxyFix(host.app.wsgi_app, x_for=1)  # type: ignore[method-assign] # as Werkzeug documents it
    assert host.post(host.fields(), headers=forwarded).status_code == 403


def test_the_api_key_travels_as_a_form_field_a_part_or_a_json_member(host: Host) -> None:
    client = host.app.test_client()
    fields = host.fields(api_key=host.secret)
    answers = [
        client.post(PATH, data=fields),
        client.post(PATH, data=fields, content_type="multipart/form-data"),
        client.post(PATH, json=fields),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]


def test_the_header_wins_over_the_parameter(host: Host) -> None:
    right, wrong = host.fields(api_key=host.secret), host.fields(api_key="wrong")
    client = host.app.test_client()
    assert client.post(PATH, data=wrong, headers={"Authorization": f"Bearer {host.secret}"}).status_code == 200
    assert client.post(PATH, data=right, headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_another_authorization_scheme_leaves_the_parameter_to_decide(host: Host) -> None:
    answer = host.app.test_client().post(PATH, data=host.fields(api_key=host.secret), auth=("proxy", "password"))
    assert answer.status_code == 200


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "bearer \t", "", " ", "Bearer\tx"])
def test_a_header_without_an_api_key_leaves_the_parameter_to_decide(host: Host, header: str) -> None:
    client = host.app.test_client()
    right = client.post(PATH, data=host.fields(api_key=host.secret), headers={"Authorization": header})
    assert host.verified(right)["code"] == 900
    none = client.post(PATH, data=host.fields(), headers={"Authorization": header})
    assert host.verified(none)["code"] == 100


def test_two_authorization_headers_are_no_api_key(host: Host) -> None:
    headers = [("Authorization", f"Bearer {host.secret}")] * 2
    answer = host.app.test_client().post(PATH, data=host.fields(api_key=host.secret), headers=headers)
    _refused(host, answer, 100)


def test_a_query_parameter_of_a_post_and_a_repeated_field_are_no_api_key(host: Host) -> None:
    client = host.app.test_client()
    _refused(host, client.post(f"{PATH}?api_key={host.secret}", data=host.fields()), 100)
    twice = f"api_key={host.secret}&api_key={host.secret}"
    _refused(host, client.post(PATH, data=twice, content_type="application/x-www-form-urlencoded"), 100)


def test_only_the_hash_of_an_api_key_is_stored(host: Host) -> None:
    with host.app.app_context():
        rows = host.db.session.execute(sa.select(ApiKey.__table__)).all()
    stored = " ".join(str(value) for row in rows for value in row)
    assert host.secret not in stored
    assert hashlib.sha256(host.secret.encode()).hexdigest() in stored


def test_a_new_api_keys_secret_is_shown_once_and_not_in_its_repr(host: Host) -> None:
    with host.app.app_context():
        created = host.licensing.create_api_key("shown once")
        listed = host.licensing.list_api_keys()[-1]
    assert len(created.secret) == 43
    assert created.secret not in repr(created)
    assert listed == created.api_key
    assert not hasattr(listed, "secret")


def test_an_api_key_brought_from_elsewhere_works_and_is_not_taken_twice(host: Host) -> None:
    secret = "2964c3c9-0b5d-4d89-b3ac-4668f30bc492"
    assert _new_secret(host, secret=secret) == secret
    assert _call(host, secret).status_code == 200
    with pytest.raises(IncorrectData, match="in use by another API key"):
        _new_secret(host, secret=secret)


@pytest.mark.parametrize(
    "options",
    [
        {"secret": "short"},
        {"secret": "with spaces in it, a lot"},
        {"secret": "ünïcödé-ünïcödé-ünïcödé"},
        {"capabilities": ["create-everything"]},
        {"capabilities": "create-license-keys"},
        {"allowed_ips": ["not an address"]},
        {"allowed_ips": "192.0.2.1"},
    ],
)
def test_a_wrong_option_of_an_api_key_is_refused(host: Host, options: dict[str, Any]) -> None:
    with pytest.raises(IncorrectData):
        _new_secret(host, **options)
    with host.app.app_context():
        assert len(host.licensing.list_api_keys()) == 1


@pytest.mark.parametrize(("length", "is_taken"), [(15, False), (16, True), (255, True), (256, False)])
def test_an_api_key_from_another_server_has_16_to_255_characters(host: Host, length: int, is_taken: bool) -> None:
    secret = "x" * length
    if is_taken:
        assert _new_secret(host, secret=secret) == secret
    else:
        with pytest.raises(IncorrectData):
            _new_secret(host, secret=secret)


def test_the_time_of_last_use_is_kept_and_not_written_on_every_request(create_host: Callable[..., Host]) -> None:
    now = [datetime(2026, 1, 1)]
    host = create_host(clock=lambda: now[0], api_key_use_interval_seconds=60)

    def last_used() -> datetime | None:
        with host.app.app_context():
            return host.licensing.list_api_keys()[0].last_used_at

    assert last_used() is None
    host.create()
    now[0] = datetime(2026, 1, 1, 0, 0, 59)
    host.create()
    assert last_used() == datetime(2026, 1, 1)
    now[0] = datetime(2026, 1, 1, 0, 1)
    host.create()
    assert last_used() == datetime(2026, 1, 1, 0, 1)


def test_the_hosts_own_authenticator_decides(create_host: Callable[..., Host]) -> None:
    asked: list[Credentials] = []

    def authenticator(credentials: Credentials) -> Caller:
        asked.append(credentials)
        if credentials.secret != "staff":
            raise AccessDenied("Staff only")
        return Caller("staff")

    host = create_host(authenticator=authenticator)
    assert _call(host, "staff").status_code == 200
    answer = _call(host, "visitor")
    assert (answer.status_code, host.verified(answer)["message"]) == (403, "Staff only")
    assert asked[0] == Credentials("staff", "create-license-keys", "127.0.0.1")
    assert "staff" not in repr(asked[0])


def test_a_hook_that_is_not_callable_is_refused_at_start(create_host: Callable[..., Host]) -> None:
    with pytest.raises(ConfigurationError, match="LICENSING_AUTHENTICATOR must be callable"):
        create_host(authenticator=7)


def test_no_refusal_logs_the_api_key(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "flask_licensing"):
        _call(host, "a-secret-nobody-knows")
    assert "code 100" in caplog.text
    assert "a-secret-nobody-knows" not in caplog.text


@pytest.mark.parametrize("blocked", [[5], [True], [b"\x01\x02\x03\x04"], ["192.0.2.1", None]])
def test_what_is_no_text_is_no_address_to_block(create_host: Callable[..., Host], blocked: list[object]) -> None:
    """The number 5 was taken for 0.0.0.5, and four bytes for the address that they are in a packet."""
    with pytest.raises(ConfigurationError, match="must be a list of texts"):
        create_host(blocked_addresses=blocked)
