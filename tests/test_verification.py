"""Checking answers without Flask: what is accepted and, above all, what is refused."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from hypothesis import given
from hypothesis import strategies as st

from flask_licensing.private_keys.signing import RsaSigner
from flask_licensing.verification import (
    BadSignature,
    MalformedEnvelope,
    MissingSignature,
    PayloadMismatch,
    PublicKeyError,
    UntimelyResponse,
    VerificationError,
    is_valid_response,
    verify_response,
)
from tests.documented_example import ANSWER, ENVELOPE, PUBLIC_KEY
from tests.foreign_clients import run_openssl, run_php

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.hosts import Host


def _signed(private_key: str, signed_text: str, **members: Any) -> dict[str, Any]:
    loaded = load_pem_private_key(private_key.encode(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    signature = base64.b64encode(RsaSigner(loaded).sign(signed_text.encode())).decode()
    return {"response_base64": signed_text, "private_key_used": "global", "signature": signature} | members


def _encoded(payload: str) -> str:
    return base64.b64encode(payload.encode()).decode()


@pytest.mark.parametrize("form", [ANSWER, ANSWER.encode(), ENVELOPE], ids=["text", "bytes", "mapping"])
def test_the_published_example_verifies_under_the_published_key(form: Any) -> None:
    verified = verify_response(form, PUBLIC_KEY)
    assert verified.response == ENVELOPE["response"]
    assert verified.private_key_used == "product"
    assert is_valid_response(form, PUBLIC_KEY)


def test_a_key_may_be_loaded_or_one_of_several(public_key: str) -> None:
    loaded = load_pem_public_key(PUBLIC_KEY.encode())
    assert isinstance(loaded, rsa.RSAPublicKey)
    assert is_valid_response(ANSWER, loaded)
    assert is_valid_response(ANSWER, [public_key, PUBLIC_KEY])
    assert not is_valid_response(ANSWER, public_key)


def _changed(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in {**ENVELOPE, **members}.items() if value is not None}


TAMPERED_PAYLOAD = _encoded(json.dumps({**ENVELOPE["response"], "created": 4}))


@pytest.mark.parametrize(
    ("envelope", "error"),
    [
        ("", MalformedEnvelope),
        ("{", MalformedEnvelope),
        ("[" * 100_000, MalformedEnvelope),
        ("[]", MalformedEnvelope),
        (b"\xff", MalformedEnvelope),
        (ANSWER.replace('"code": 900,', '"code": 900, "code": 900,'), MalformedEnvelope),
        (_changed(response=None), MalformedEnvelope),
        (_changed(response=[]), MalformedEnvelope),
        (_changed(response_base64=None), MalformedEnvelope),
        (_changed(response_base64=5), MalformedEnvelope),
        (_changed(private_key_used=None), MalformedEnvelope),
        (_changed(signature=5), MalformedEnvelope),
        (_changed(signature=None), MissingSignature),
        (_changed(signature=""), MissingSignature),
        (_changed(signature="Private key not set"), MissingSignature),
        (_changed(signature="%%%"), BadSignature),
        (_changed(signature="é"), BadSignature),
        (_changed(signature=ENVELOPE["signature"] + "\n"), BadSignature),
        (_changed(signature=base64.b64encode(b"x" * 256).decode()), BadSignature),
        (_changed(response_base64=TAMPERED_PAYLOAD), BadSignature),
        (_changed(response_base64=ENVELOPE["response_base64"] + "\n"), BadSignature),
        (_changed(response_base64="é"), BadSignature),
        (_changed(response={**ENVELOPE["response"], "created": 4}), PayloadMismatch),
        (_changed(response={**ENVELOPE["response"], "created": 3.0}), PayloadMismatch),
        (_changed(response={**ENVELOPE["response"], "duplicate": True}), PayloadMismatch),
        (_changed(response={**ENVELOPE["response"], "more": 1}), PayloadMismatch),
        (_changed(response={**ENVELOPE["response"], "more": {1, 2}}), PayloadMismatch),
        (_changed(response={}), PayloadMismatch),
    ],
)
def test_an_answer_that_should_not_be_trusted_is_refused(envelope: Any, error: type[VerificationError]) -> None:
    with pytest.raises(error) as refused:
        verify_response(envelope, PUBLIC_KEY)
    assert refused.value.envelope is not None
    assert not is_valid_response(envelope, PUBLIC_KEY)


@pytest.mark.parametrize(
    "payload",
    [
        "not JSON",
        "[]",
        '{"a":1,"a":1}',
        "[" * 100_000,
        '{"a":NaN}',
        '{"a":-Infinity}',
        '{"a":1e999}',
        '{"a":[-1e309]}',
        *(f'{{"a":{number}}}' for number in (2**63, -(2**63) - 1, "9" * 5000)),
    ],
    ids=lambda payload: payload[:30],
)
def test_a_signed_text_that_is_not_a_payload_is_refused(private_key: str, public_key: str, payload: str) -> None:
    with pytest.raises(MalformedEnvelope):
        verify_response(_signed(private_key, _encoded(payload), response={}), public_key)
    with pytest.raises(MalformedEnvelope, match="base64"):
        verify_response(_signed(private_key, "%", response={}), public_key)


@pytest.mark.parametrize("number", ["0.5", "1e308", str(2**63 - 1), str(-(2**63))])
def test_a_number_that_every_reader_holds_is_given_back(private_key: str, public_key: str, number: str) -> None:
    payload = json.loads(f'{{"a":{number}}}')
    signed = _signed(private_key, _encoded(f'{{"a":{number}}}'), response=payload)
    assert verify_response(signed, public_key).response == payload


def _signed_at(private_key: str, timestamp: Any) -> dict[str, Any]:
    response = {"code": 900, "timestamp": timestamp}
    return _signed(private_key, _encoded(json.dumps(response)), response=response)


@pytest.fixture
def frozen_time(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(time, "time", lambda: 1_750_000_000.0)
    return 1_750_000_000


@pytest.mark.parametrize("seconds_ago", [0, 600, -60])
def test_an_answer_of_an_age_that_is_allowed_is_valid(
    frozen_time: int, private_key: str, public_key: str, seconds_ago: int
) -> None:
    signed = _signed_at(private_key, frozen_time - seconds_ago)
    assert is_valid_response(signed, public_key, max_age=600)


@pytest.mark.parametrize("seconds_ago", [601, -61, 10**12, -(10**12)])
def test_an_answer_that_is_too_old_or_yet_to_come_is_refused(
    frozen_time: int, private_key: str, public_key: str, seconds_ago: int
) -> None:
    signed = _signed_at(private_key, frozen_time - seconds_ago)
    with pytest.raises(
        UntimelyResponse, match=f"{abs(seconds_ago)} seconds {'ago' if seconds_ago > 0 else 'from now'}"
    ) as refused:
        verify_response(signed, public_key, max_age=600)
    assert refused.value.timestamp == frozen_time - seconds_ago
    assert not is_valid_response(signed, public_key, max_age=600)
    assert is_valid_response(signed, public_key), "without an age any time will do"


@pytest.mark.parametrize("max_age", [0, -1, float("nan")])
def test_an_age_that_nothing_has_lets_nothing_in(
    frozen_time: int, private_key: str, public_key: str, max_age: float
) -> None:
    assert not is_valid_response(_signed_at(private_key, frozen_time - 1), public_key, max_age=max_age)


@pytest.mark.parametrize("timestamp", [None, True, "1750000000", 1_750_000_000.0])
def test_an_answer_without_a_timestamp_has_no_age(
    frozen_time: int, private_key: str, public_key: str, timestamp: Any
) -> None:
    signed = _signed_at(private_key, timestamp)
    assert is_valid_response(signed, public_key)
    with pytest.raises(MalformedEnvelope, match="no timestamp"):
        verify_response(signed, public_key, max_age=600)


def test_errors_carry_their_evidence() -> None:
    tampered = _changed(response_base64=TAMPERED_PAYLOAD)
    with pytest.raises(BadSignature) as bad:
        verify_response(tampered, PUBLIC_KEY)
    assert (bad.value.response_base64, bad.value.signature) == (TAMPERED_PAYLOAD, ENVELOPE["signature"])
    with pytest.raises(PayloadMismatch) as mismatch:
        verify_response(_changed(response={}), PUBLIC_KEY)
    assert (mismatch.value.response, mismatch.value.signed_response) == ({}, ENVELOPE["response"])


@given(
    member=st.sampled_from(["response_base64", "signature"]),
    place=st.integers(min_value=0),
    bit=st.integers(min_value=0, max_value=6),
)
def test_one_flipped_bit_is_refused(member: str, place: int, bit: int) -> None:
    text = ENVELOPE[member]
    place %= len(text)
    flipped = text[:place] + chr(ord(text[place]) ^ (1 << bit)) + text[place + 1 :]
    assert not is_valid_response(_changed(**{member: flipped}), PUBLIC_KEY)


def test_a_bad_public_key_says_nothing_about_the_answer() -> None:
    elliptic = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = elliptic.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    wrong_keys: list[Any] = ["", "no PEM", pem, [], None, [None], {"id": None}, 7, elliptic, bytearray(pem)]
    for wrong in wrong_keys:
        with pytest.raises(PublicKeyError):
            is_valid_response(ANSWER, wrong)


def test_importing_the_verifier_imports_neither_flask_nor_sqlalchemy() -> None:
    program = (
        "import sys, flask_licensing.verification;"
        "print(sorted({'flask', 'sqlalchemy', 'marshmallow', 'werkzeug'} & set(sys.modules)))"
    )
    finished = subprocess.run(  # noqa: S603 - the test's own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"


PHP_CLIENT = """
$r = json_decode(stream_get_contents(STDIN), true);
echo openssl_verify($r['response_base64'], base64_decode($r['signature']), $argv[1], OPENSSL_ALGO_SHA256);
"""


@pytest.fixture(params=[True, False], ids=["as sent", "one bit flipped"])
def answer(request: pytest.FixtureRequest, create_host: Callable[..., Host]) -> tuple[str, bool]:
    """What an app answered, and whether it is still what was signed."""
    host = create_host()
    body = host.post(host.fields()).text
    if request.param:
        return body, True
    envelope = json.loads(body)
    text = envelope["response_base64"]
    envelope["response_base64"] = text[:5] + chr(ord(text[5]) ^ 1) + text[6:]
    return json.dumps(envelope), False


def test_php_accepts_what_was_signed_and_nothing_else(answer: tuple[str, bool], public_key: str) -> None:
    body, genuine = answer
    assert run_php(PHP_CLIENT, body, public_key) == ("1" if genuine else "0")
    assert is_valid_response(body, public_key) is genuine


def test_openssl_accepts_what_was_signed_and_nothing_else(
    answer: tuple[str, bool], public_key: str, tmp_path: Path
) -> None:
    body, genuine = answer
    envelope = json.loads(body)
    (tmp_path / "public.pem").write_text(public_key)
    (tmp_path / "sig.bin").write_bytes(base64.b64decode(envelope["signature"]))
    (tmp_path / "payload.b64").write_text(envelope["response_base64"])
    names = [str(tmp_path / name) for name in ("public.pem", "sig.bin", "payload.b64")]
    finished = run_openssl("dgst", "-sha256", "-verify", names[0], "-signature", names[1], names[2])
    assert (finished.returncode == 0) is genuine
    assert finished.stdout.strip() == ("Verified OK" if genuine else "Verification failure")
