"""``Idempotency-Key``: contract section 3."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.testing.parts import FrozenClock
from tests.hosts import PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from tests.hosts import Host


def _post(host: Host, key: str, **changes: Any) -> TestResponse:
    return host.post(host.fields(**changes), headers={"Idempotency-Key": key})


def test_the_same_key_and_payload_get_the_same_bytes_and_no_second_effect(host_on_each_database: Host) -> None:
    host = host_on_each_database
    first = _post(host, "order-1")
    host.create(license_keys='["ANOTHER"]')
    second = _post(host, "order-1")
    assert host.verified(first)["created"] == 1
    assert second.data == first.data
    assert second.status_code == first.status_code
    assert host.stored_license_keys() == ["AAAA-1111", "ANOTHER"]


def test_another_payload_is_refused_with_code_9409(host: Host) -> None:
    _post(host, "order-1")
    answer = _post(host, "order-1", license_keys='["B"]')
    response = host.verified(answer)
    assert (answer.status_code, response["code"]) == (409, 9409)
    assert response["message"] == "Idempotency-Key reused with another payload"
    assert host.stored_license_keys() == ["AAAA-1111"]


def test_the_payload_is_the_same_however_it_is_encoded_and_ordered(host: Host) -> None:
    first = _post(host, "order-1")
    headers = {"Authorization": f"Bearer {host.secret}", "Idempotency-Key": "order-1"}
    fields = dict(reversed(host.fields().items()))
    client = host.app.test_client()
    multipart = client.post(PATH, data=fields, headers=headers, content_type="multipart/form-data")
    as_json = client.post(PATH, json=fields, headers=headers)
    with_api_key = client.post(PATH, data=fields | {"api_key": "ignored"}, headers=headers)
    assert first.data == multipart.data == as_json.data == with_api_key.data


def test_refused_fields_are_answered_the_same_again(host: Host) -> None:
    first = _post(host, "order-1", status="sold")
    second = _post(host, "order-1", status="sold")
    assert host.verified(first)["code"] == 901
    assert second.data == first.data


def test_a_failed_authentication_is_not_remembered(host: Host) -> None:
    refused = host.app.test_client().post(PATH, data=host.fields(), headers={"Idempotency-Key": "order-1"})
    assert refused.status_code == 401
    assert host.verified(_post(host, "order-1"))["code"] == 900


def test_two_callers_may_use_the_same_key(host: Host) -> None:
    with host.app.app_context():
        other = host.licensing.create_api_key("another caller").secret
    first = _post(host, "order-1")
    second = host.app.test_client().post(
        PATH, data=host.fields(), headers={"Authorization": f"Bearer {other}", "Idempotency-Key": "order-1"}
    )
    assert (host.verified(first)["code"], host.verified(second)["code"]) == (900, 902)


@pytest.mark.parametrize("key", ["", "  ", "\t", "x" * 256, "a\x01b", "a\tb", "a\x7f", "a,b", ","])
def test_a_key_that_is_blank_too_long_or_has_commas_or_controls_is_malformed(host: Host, key: str) -> None:
    answer = _post(host, key)
    assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)
    assert host.stored_license_keys() == []


@pytest.mark.parametrize("keys", [("a", "b"), ("a", "a"), ("", "a")])
def test_a_key_that_is_sent_in_two_headers_is_malformed(host: Host, keys: tuple[str, str]) -> None:
    headers = [("Authorization", f"Bearer {host.secret}"), *(("Idempotency-Key", key) for key in keys)]
    answer = host.app.test_client().post(PATH, data=host.fields(), headers=headers)
    assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)


def test_a_stranger_with_a_malformed_key_is_a_stranger(host: Host) -> None:
    for data in (host.fields(), b"\xff"):
        headers = {"Authorization": "Bearer wrong", "Idempotency-Key": ""}
        answer = host.app.test_client().post(PATH, data=data, headers=headers, content_type="application/json")
        assert host.verified(answer)["code"] == 100


@pytest.mark.parametrize("key", ["x" * 255, " order 1 ", '"order-1"', "é", "\u00a0"])
def test_any_other_key_of_up_to_255_characters_is_taken(host: Host, key: str) -> None:
    first, second = (_post(host, key) for _ in range(2))
    assert host.verified(first)["code"] == 900
    assert second.data == first.data


FORM = {
    "license_keys": '["A", "B"]',
    "product_id": "1",
    "activation_limit": "3",
    "validity": "30",
    "status": "assigned",
    "owner_name": "Zoë",
    "assigned_at": "2026-01-02 03:04:05",
}
NATIVE = FORM | {"license_keys": ["A", "B"], "product_id": 1, "activation_limit": 3, "validity": 30}


@pytest.mark.parametrize(
    "again",
    [
        {"json": NATIVE},
        {"json": dict(reversed(NATIVE.items()))},
        {"json": NATIVE | {"owner_email": None, "api_key": "ignored"}},
        {"json": NATIVE | {"license_keys": [" A ", "B"], "more": {"a": [1]}}},
        {"data": FORM | {"license_keys": '["A","B"]'}},
        {"data": FORM | {"license_keys": ' [ "\\u0041" ,\n"B" ] '}},
        {"data": FORM | {"owner_email": "", "unknown": "x"}},
        {"data": FORM | {"owner_email": " ", "owner_name": " Zoë ", "validity": "030"}},
        {"data": FORM | {"assigned_at": "2026-01-02T04:04:05.9+01:00"}},
        {"data": FORM, "content_type": "multipart/form-data"},
    ],
    ids=str,
)
def test_the_same_values_are_the_same_payload_however_they_are_written(host: Host, again: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {host.secret}", "Idempotency-Key": "order-1"}
    client = host.app.test_client()
    first = client.post(PATH, data=FORM, headers=headers)
    assert host.verified(first)["code"] == 900
    assert client.post(PATH, headers=headers, **again).data == first.data


@pytest.mark.parametrize(
    "changed",
    [
        {"license_keys": ["B", "A"]},
        {"license_keys": ["A", "B", "B"]},
        {"license_keys": ["AB"]},
        {"license_keys": ["A"]},
        {"license_keys": ["a", "B"]},
        {"product_id": 2},
        {"activation_limit": 30, "validity": 3},
        {"status": "reserved"},
        {"owner_name": None},
        {"owner_name": None, "owner_email": "Zoë@example.com"},
        {"owner_name": "Zoe\u0308"},
        {"assigned_at": "2026-01-02 03:04:06"},
        {"assigned_at": None},
        {"status": "sold"},
    ],
    ids=str,
)
def test_another_value_is_another_payload(host: Host, changed: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {host.secret}", "Idempotency-Key": "order-1"}
    client = host.app.test_client()
    client.post(PATH, data=FORM, headers=headers)
    answer = client.post(PATH, json=NATIVE | changed, headers=headers)
    assert host.verified(answer)["code"] == 9409


WRONG: list[tuple[str, Any, Any, Any]] = [
    ("status", "sold", " sold ", "gone"),
    ("activation_limit", "-1", -1, -2),
    ("activation_limit", "-1", " -01 ", 1.0),
    ("activation_limit", "-1", "-0001", -1.0),
    ("product_id", "0", "-0", "-1"),
    ("product_id", "-00", 0, "0x0"),
    ("activation_limit", "9" * 5000, "00" + "9" * 5000, "9" * 4999),
    ("activation_limit", "-" + "9" * 4000, -int("9" * 4000), "-" + "9" * 3999),
    ("activation_limit", "x", "x", "y"),
    ("activation_limit", "NaN", "NaN", 1.5),
    ("activation_limit", "true", True, False),
    ("activation_limit", "1.5", 1.5, 1.25),
    ("activation_limit", '{"a": 1}', {"a": 1}, {"a": "1"}),
    ("activation_limit", '{"a": " x"}', {"a": "x"}, {"a": "y"}),
    ("activation_limit", '"x"', ' "x" ', "x"),
    ("activation_limit", "null", "null ", None),
    ("assigned_at", "[1]", [1], ["1"]),
    ("license_keys", '["A", 1]', ["A", 1], ["A", 2]),
    ("license_keys", '["A", " "]', ["A", ""], ["", "A"]),
    ("license_keys", '[[" A "]]', [["A"]], ["A", []]),
    ("license_keys", "[]", [], "[[]]"),
    ("license_keys", "[" * 900 + "]" * 900, "[" * 900 + "]" * 900, [[]]),
    ("validity", "", None, "-"),
    ("owner_name", "x" * 256, "x" * 256, "x" * 257),
]


@pytest.mark.parametrize(
    ("name", "text", "same", "other"), WRONG, ids=[f"{row[0]}-{row[1][:9]}-{str(row[2])[:9]}" for row in WRONG]
)
def test_wrong_values_are_compared_too(host: Host, name: str, text: str, same: Any, other: Any) -> None:
    headers = {"Authorization": f"Bearer {host.secret}", "Idempotency-Key": "order-1"}
    client = host.app.test_client()
    first = client.post(PATH, data=FORM | {name: text}, headers=headers)
    assert host.verified(first)["code"] == 901
    assert client.post(PATH, json=NATIVE | {name: same}, headers=headers).data == first.data
    for values in ({name: other}, {"status": "blocked"} | {name: other}, {"owner_email": "a@example.com", name: same}):
        answer = client.post(PATH, json=NATIVE | values, headers=headers)
        assert host.verified(answer)["code"] == 9409
    assert host.stored_license_keys() == []


def test_a_field_that_is_sent_twice_is_no_value_that_can_be_sent(host: Host) -> None:
    headers = {"Authorization": f"Bearer {host.secret}", "Idempotency-Key": "order-1"}
    client = host.app.test_client()
    first = client.post(PATH, data=FORM | {"status": ["sold", "sold"]}, headers=headers)
    assert host.verified(first)["errors"] == {"status": ["The status field must be sent only once."]}
    others: list[Any] = ["NaN", None, '["sold", "sold"]', ["sold", "sold"], {}]
    for value in others:
        answer = client.post(PATH, json=NATIVE | {"status": value}, headers=headers)
        assert host.verified(answer)["code"] == 9409


LIFE: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("assign-license-key", {"license_key": "SOLD"}, {"owner_name": "Zoë"}),
    ("assign-and-activate-license-key", {"license_key": "SOLD-2", "identifier": "a"}, {"identifier": "b"}),
    ("activate", {"license_key": "SOLD", "identifier": "a", "nonce": "1"}, {"nonce": "2"}),
    ("verify", {"license_key": "SOLD", "identifier": "a", "nonce": "1"}, {"nonce": None}),
    ("get-license-key-details", {"license_key": "SOLD", "identifier": "a"}, {"nonce": "1"}),
    ("update-license-key", {"license_key": "SOLD", "validity": "7"}, {"activation_limit": "7", "validity": None}),
    ("get-license-keys", {"status": "assigned", "page": "1"}, {"status": "blocked"}),
    ("get-available-license-keys-count", {"product_id": "1"}, {"product_id": "2"}),
    ("deactivate", {"license_key": "SOLD", "identifier": "a"}, {"identifier": "b"}),
    ("delete-license-key", {"license_key": "SOLD"}, {"license_key": "SOLD-2"}),
]
"""Requests of a license's life in their order, and what makes each another one."""


def test_every_endpoint_answers_a_request_that_is_repeated_as_before(create_host: Callable[..., Host]) -> None:
    clock = FrozenClock()
    host = create_host(clock=clock)
    host.create(license_keys='["SOLD", "SOLD-2"]')
    headers = {"Authorization": f"Bearer {host.secret}", "Idempotency-Key": "order-1"}
    client = host.app.test_client()
    given: dict[str, bytes] = {}

    def send(endpoint: str, sent: dict[str, Any]) -> TestResponse:
        fields = {name: value for name, value in sent.items() if value is not None}
        path = f"/api/v1/{endpoint}"
        if endpoint in {"get-license-keys", "get-available-license-keys-count"}:
            return client.get(path, query_string=fields, headers=headers)
        return client.post(path, data=fields, headers=headers)

    for endpoint, sent, _ in LIFE:
        answer = send(endpoint, sent)
        assert answer.status_code == 200
        given[endpoint] = answer.data
    clock.move(days=1)
    for endpoint, sent, changes in LIFE:
        again = {name: f" {value} " for name, value in reversed(sent.items())} | {"unknown": "x"}
        assert send(endpoint, again).data == given[endpoint]
        assert host.verified(send(endpoint, sent | changes))["code"] == 9409
    assert host.stored_license_keys() == ["SOLD-2"]


def test_eight_requests_at_once_have_one_effect_and_one_answer(host_on_each_database: Host) -> None:
    host = host_on_each_database
    keys = [f"KEY-{number}" for number in range(100)]
    barrier = threading.Barrier(8)
    answers: list[TestResponse] = []

    def send() -> None:
        barrier.wait()
        answers.append(_post(host, "order-1", license_keys=str(keys).replace("'", '"')))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.data for answer in answers}) == 1
    assert host.verified(answers[0])["created"] == 100
    assert host.stored_license_keys() == sorted(keys)


def test_nothing_is_remembered_of_an_answer_that_could_not_be_signed(create_host: Callable[..., Host]) -> None:
    class Signer:
        def sign(self, data: bytes) -> bytes:
            raise OSError("the signer is away")

    host = create_host(private_key_source=lambda _: Signer())
    first = _post(host, "order-1")
    second = _post(host, "order-1")
    assert [first.status_code, second.status_code] == [500, 500]
    assert host.stored_license_keys() == []
