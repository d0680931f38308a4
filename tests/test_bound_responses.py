"""Answers that repeat their question, and what verifies that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flask_licensing.errors import CrossedResponse, RecordedResponse
from flask_licensing.verification import verify_response

if TYPE_CHECKING:
    from tests.hosts import Host

QUESTION = {"license_key": "AAAA-1111", "identifier": "zoe.example"}


def _answer(host: Host, **fields: str) -> bytes:
    return bytes(host.send("POST", "verify", QUESTION | fields).data)


def test_an_answer_to_the_question_that_was_asked_is_verified(host: Host) -> None:
    answer = _answer(host, nonce="n-1")
    verified = verify_response(
        answer, host.public_key, nonce=" n-1 ", license_key="AAAA-1111", identifier="zoe.example"
    )
    assert verified.response["code"] == 210


@pytest.mark.parametrize("sent", [{"nonce": "n-1"}, {}], ids=["another nonce", "no nonce"])
def test_a_recorded_answer_is_refused(host: Host, sent: dict[str, str]) -> None:
    answer = _answer(host, **sent)
    with pytest.raises(RecordedResponse):
        verify_response(answer, host.public_key, nonce="n-2")


def test_an_answer_about_something_else_is_refused(host: Host) -> None:
    answer = _answer(host, nonce="n-1")
    with pytest.raises(CrossedResponse, match="license key"):
        verify_response(answer, host.public_key, nonce="n-1", license_key="another", identifier="zoe.example")
    with pytest.raises(CrossedResponse, match="identifier"):
        verify_response(answer, host.public_key, nonce="n-1", license_key="AAAA-1111", identifier="another")


def test_an_answer_without_a_nonce_does_not_say_what_it_is_about(host: Host) -> None:
    answer = _answer(host)
    assert verify_response(answer, host.public_key).response["code"] == 210
    with pytest.raises(CrossedResponse):
        verify_response(answer, host.public_key, license_key="AAAA-1111")
