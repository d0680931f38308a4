"""``Idempotency-Key``: contract section 3."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

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


@pytest.mark.parametrize("key", ["", "  "])
def test_an_empty_key_is_no_key(host: Host, key: str) -> None:
    codes = [host.verified(_post(host, key))["code"] for _ in range(2)]
    assert codes == [900, 902]


def test_a_key_of_more_than_255_characters_is_malformed(host: Host) -> None:
    answer = _post(host, "x" * 256)
    assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)
    assert host.verified(_post(host, "x" * 255))["code"] == 900


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
