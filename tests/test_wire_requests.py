"""Requests that are no proper requests: each gets a signed error of the right code, and creates nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.hosts import PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from tests.hosts import Host

FORM = "application/x-www-form-urlencoded"


def _send(host: Host, body: bytes | str, content_type: str | None, **options: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {host.secret}"}
    return host.app.test_client().post(PATH, data=body, content_type=content_type, headers=headers, **options)


def _assert_refused(host: Host, answer: TestResponse, code: int) -> dict[str, Any]:
    response = host.verified(answer)
    assert (response["code"], answer.status_code) == (code, code - 9000)
    assert answer.mimetype == "application/json"
    assert host.stored_license_keys() == []
    return response


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"NaN",
        b'{"validity": NaN}',
        b'{"validity": Infinity}',
        b'{"license_keys": ' + b"[" * 100_000,
        b'{"license_keys": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000,
        b'{"validity": 1' + b"0" * 5000 + b"}",
        b'{"status": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        b'{"status": "available"} more',
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_body_that_is_not_a_json_object_is_malformed(host: Host, body: bytes) -> None:
    _assert_refused(host, _send(host, body, "application/json"), 9400)


@pytest.mark.parametrize("body", [b"status=%ff", b"status=\xff", b"%c3%28=1", b"&".join([b"a=1"] * 1001)])
def test_a_form_that_is_not_utf8_or_has_too_many_fields_is_malformed(host: Host, body: bytes) -> None:
    _assert_refused(host, _send(host, body, FORM), 9400)


def test_a_multipart_form_that_is_not_utf8_or_has_no_boundary_is_malformed(host: Host) -> None:
    part = b'--B\r\nContent-Disposition: form-data; name="status"\r\n\r\n\xff\r\n--B--\r\n'
    _assert_refused(host, _send(host, part, "multipart/form-data; boundary=B"), 9400)
    _assert_refused(host, _send(host, part, "multipart/form-data"), 9400)


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/octet-stream", "nonsense"])
def test_another_media_type_is_code_9415(host: Host, content_type: str) -> None:
    _assert_refused(host, _send(host, b"<a/>", content_type), 9415)


def test_a_body_without_a_media_type_is_code_9415_and_no_body_lacks_every_field(host: Host) -> None:
    _assert_refused(host, _send(host, b"status=available", None), 9415)
    assert host.verified(_send(host, b"", None))["code"] == 901


@pytest.mark.parametrize("content_type", [FORM, "application/json", "multipart/form-data; boundary=B"])
def test_a_body_over_the_limit_is_code_9413_and_the_sentence_names_the_limit(
    create_host: Callable[..., Host], content_type: str
) -> None:
    host = create_host(max_content_length=1000)
    response = _assert_refused(host, _send(host, b"x" * 1001, content_type), 9413)
    assert "1000 bytes" in response["message"]


REGISTERED_METHODS = """
ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR
MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH PUT QUERY REBIND REPORT
SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL
"""
"""The HTTP Method Registry of IANA (RFC 9110 section 16.1.1), without its reserved ``*``."""


def test_another_method_is_code_9405(host: Host) -> None:
    for method in sorted({*REGISTERED_METHODS.split()} - {"HEAD", "OPTIONS", "POST"}):
        answer = host.app.test_client().open(PATH, method=method)
        _assert_refused(host, answer, 9405)
        assert answer.headers["Allow"] == "OPTIONS, POST"


@pytest.mark.parametrize("word", ["FOO", "PURGE", "POSTS", "*"])
def test_a_word_that_is_no_registered_method_gets_the_sites_405(host: Host, word: str) -> None:
    answer = host.app.test_client().open(PATH, method=word)
    assert (answer.status_code, answer.mimetype) == (405, "text/html")
    assert "X-Request-ID" not in answer.headers


def test_head_is_refused_without_a_body_and_options_says_what_is_allowed(host: Host) -> None:
    client = host.app.test_client()
    head, options = client.head(PATH), client.options(PATH)
    assert (head.status_code, head.data) == (405, b"")
    assert (options.status_code, options.headers["Allow"]) == (204, "OPTIONS, POST")


@pytest.mark.parametrize("path", ["/api/v1/no-such", "/api/v1/create-license-keys/", "/api/v1/a/b/%00", "/api/v1/%ff"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_path_under_the_prefix_that_is_no_endpoint_is_the_sites(host: Host, method: str, path: str) -> None:
    answer = host.app.test_client().open(path, method=method)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "X-Request-ID" not in answer.headers


def test_the_body_is_read_only_after_a_header_was_refused(host: Host) -> None:
    answer = host.app.test_client().post(
        PATH, data=b"{", content_type="application/json", headers={"Authorization": "Bearer wrong"}
    )
    assert host.verified(answer)["code"] == 100


@pytest.mark.parametrize("testing", [True, False])
def test_a_defect_is_answered_with_code_9500_in_testing_and_production(host: Host, testing: bool) -> None:
    host.app.testing = testing
    host.app.config["PROPAGATE_EXCEPTIONS"] = testing
    with host.app.app_context():
        host.db.drop_all()
        host.db.session.execute(host.db.text("CREATE TABLE licensing_api_keys (id INTEGER)"))
        host.db.session.commit()
    answer = host.post(host.fields())
    response = host.verified(answer)
    assert answer.status_code in {500, 503}
    assert response["code"] == 9000 + answer.status_code
    assert b"Traceback" not in answer.data


def test_a_parameter_sent_as_a_file_is_malformed(host: Host) -> None:
    part = b'--B\r\nContent-Disposition: form-data; name="status"; filename="s"\r\n\r\navailable\r\n--B--\r\n'
    _assert_refused(host, _send(host, part, "multipart/form-data; boundary=B"), 9400)


def test_answers_are_json_that_no_cache_keeps(host: Host) -> None:
    answer = host.post(host.fields())
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert list(json.loads(answer.data)) == ["response", "response_base64", "private_key_used", "signature"]
