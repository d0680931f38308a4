"""Only the contract's bytes are signed, so that nothing that is signed for one purpose passes for another."""

from __future__ import annotations

import ast
import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import flask_licensing
from flask_licensing.core.wire import encode_payload
from flask_licensing.private_keys.signing import RsaSigner
from flask_licensing.verification import VerificationError, is_valid_response, verify_response
from tests.hosts import PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from tests.hosts import Host

PACKAGE = Path(flask_licensing.__file__).parent

WHAT_SIGNS = {
    "checks.py": "the trial signature of flask licensing check",
    "loading.py": "hands on to a signer",
    "remote_signing.py": "hands on to the host's signer",
    "signatures.py": "hands on what those modules sign that are in WHO_HAS_SIGNED",
    "signing.py": "a private key in this process, which signs the trial text to see whether it can",
}
"""Every module that asks something to sign. A new one is a new purpose: what it signs has to carry it."""


WHO_HAS_SIGNED = {
    "http/answers.py": "answers of the API: base64, without a dot",
    "license_files/service.py": "license files: a dot in them, and their purpose in the header",
}


class RecordingSigner:
    """Signs, and keeps whatever it signed."""

    def __init__(self, private_key: str) -> None:
        loaded = load_pem_private_key(private_key.encode(), None)
        assert isinstance(loaded, rsa.RSAPrivateKey)
        self._signer = RsaSigner(loaded)
        self.signed: list[bytes] = []

    def sign(self, data: bytes) -> bytes:
        self.signed.append(data)
        return self._signer.sign(data)

    def public_key(self) -> RSAPublicKey:
        return self._signer.public_key()


@pytest.fixture
def signer(private_key: str) -> RecordingSigner:
    return RecordingSigner(private_key)


@pytest.fixture
def recorded_host(create_host: Callable[..., Host], signer: RecordingSigner) -> Host:
    return create_host(private_key_source=lambda product_id: signer if product_id is None else None)


def _is_answer(data: bytes) -> bool:
    """Whether it is the base64 of a payload in the contract's form: code first, message, timestamp last."""
    try:
        payload = base64.b64decode(data, validate=True).decode("ascii")
        response = json.loads(payload)
    except ValueError:
        return False
    names = list(response)
    return (
        (names[:2], names[-1]) == (["code", "message"], "timestamp")
        and encode_payload(response) == payload
        and base64.b64encode(payload.encode()) == data
    )


def test_answers_are_all_that_requests_make_sign(recorded_host: Host, signer: RecordingSigner) -> None:
    host, client = recorded_host, recorded_host.app.test_client()
    headers = {"Idempotency-Key": "once"}
    answers = [
        host.post(host.fields(), headers=headers),
        host.post(host.fields(), headers=headers),
        host.post(host.fields()),
        host.post({}),
        host.post(host.fields(), headers={"Authorization": "Bearer wrong"}),
        client.get(PATH),
        client.post(PATH, data="x", content_type="text/plain", headers={"Authorization": f"Bearer {host.secret}"}),
    ]
    asked_of_anyone = [client.get("/api/v1/public-keys"), client.get("/api/v1/openapi.json"), client.options(PATH)]
    assert [answer.status_code for answer in asked_of_anyone] == [200, 200, 204]
    # The second is the first one's bytes again.
    assert len(signer.signed) == len(answers) - 1
    assert all(_is_answer(data) for data in signer.signed)
    assert {host.verified(answer)["code"] for answer in answers} == {900, 902, 901, 100, 9405, 9415}


def test_the_trial_signature_passes_for_no_answer(recorded_host: Host, signer: RecordingSigner) -> None:
    checked = recorded_host.app.test_cli_runner().invoke(args=["licensing", "check"])
    assert "signed and verified" in checked.output
    trial, answer = signer.signed
    assert _is_answer(answer)
    assert b"trial signature" in trial
    assert not _is_answer(trial)
    signature = base64.b64encode(signer.sign(trial)).decode()
    for response in ({}, {"code": 900}, trial.decode()):
        envelope = {"response_base64": trial.decode(), "private_key_used": "global", "signature": signature}
        with pytest.raises(VerificationError):
            verify_response(envelope | {"response": response}, recorded_host.public_key)


def test_no_answer_passes_for_another_text_of_the_same_bytes(recorded_host: Host) -> None:
    envelope = json.loads(recorded_host.post(recorded_host.fields()).text)
    payload = base64.b64decode(envelope["response_base64"]).decode()
    for signed_text in (payload, json.dumps(envelope["response"]), envelope["response_base64"].rstrip("=") + "\n"):
        assert not is_valid_response(envelope | {"response_base64": signed_text}, recorded_host.public_key)


def test_every_module_that_signs_is_known() -> None:
    found, asking = set(), set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sign":
                found.add(path.name)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "signature_of":
                asking.add(str(path.relative_to(PACKAGE)))
    assert found == set(WHAT_SIGNS)
    assert asking == set(WHO_HAS_SIGNED)
