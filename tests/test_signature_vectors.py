"""The published signatures: the verifier takes those that are valid, and refuses all others."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.exceptions import InvalidSignature

from flask_licensing.core.public_keys import verify_signature
from flask_licensing.verification import BadSignature, MissingSignature, load_public_keys, verify_response
from tests import signature_vectors
from tests.foreign_clients import run_openssl, run_php

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = json.loads(signature_vectors.FILE.read_text())
GROUPS = DOCUMENT["testGroups"]
VECTORS = [(group["publicKeyPem"], vector) for group in GROUPS for vector in group["tests"]]

PHP = """
foreach (json_decode(file_get_contents($argv[1]), true)['testGroups'] as $group) {
    foreach ($group['tests'] as $test) {
        [$text, $signature] = [hex2bin($test['msg']), hex2bin($test['sig'])];
        $result = openssl_verify($text, $signature, $group['publicKeyPem'], OPENSSL_ALGO_SHA256);
        if (($result === 1) !== ($test['result'] === 'valid')) {
            echo $test['tcId'], ' ';
        }
    }
}
echo 'done';
"""


def _envelope(vector: dict[str, Any]) -> dict[str, Any]:
    text = bytes.fromhex(vector["msg"]).decode()
    return {
        "response": json.loads(base64.b64decode(text)),
        "response_base64": text,
        "private_key_used": "global",
        "signature": base64.b64encode(bytes.fromhex(vector["sig"])).decode(),
    }


@pytest.mark.parametrize(("public_key", "vector"), VECTORS, ids=[str(vector["tcId"]) for _, vector in VECTORS])
def test_an_answer_with_a_signature_that_is_not_valid_is_refused(public_key: str, vector: dict[str, Any]) -> None:
    (loaded,) = load_public_keys(public_key).values()
    envelope, signature, text = _envelope(vector), bytes.fromhex(vector["sig"]), bytes.fromhex(vector["msg"])
    if vector["result"] == "valid":
        assert verify_response(envelope, public_key).response == envelope["response"]
        verify_signature(loaded, signature, text)
        return
    with pytest.raises(BadSignature if signature else MissingSignature):
        verify_response(envelope, public_key)
    with pytest.raises(InvalidSignature):
        verify_signature(loaded, signature, text)


def test_the_file_is_what_its_program_makes() -> None:
    assert signature_vectors.FILE.read_text() == signature_vectors.as_text(signature_vectors.build())


def test_every_kind_is_explained_and_every_vector_is_one_of_its_own() -> None:
    assert DOCUMENT["numberOfTests"] == len(VECTORS)
    assert [vector["tcId"] for _, vector in VECTORS] == [*range(1, len(VECTORS) + 1)]
    assert {flag for _, vector in VECTORS for flag in vector["flags"]} == set(DOCUMENT["notes"])
    assert len({(public_key, vector["msg"], vector["sig"]) for public_key, vector in VECTORS}) == len(VECTORS)
    assert len({(public_key, vector["comment"]) for public_key, vector in VECTORS}) == len(VECTORS)


def test_every_form_of_a_public_key_is_the_same_one() -> None:
    for group in GROUPS:
        from_jwk = load_public_keys(json.dumps({"keys": [group["keyJwk"]]}))
        assert from_jwk.keys() == load_public_keys(group["publicKeyPem"]).keys() == {group["keyJwk"]["kid"]}
        assert int(group["publicKey"]["modulus"], 16).bit_length() == group["keySize"] == 2048


def test_php_takes_the_same_ones() -> None:
    assert run_php(PHP, "", str(signature_vectors.FILE)) == "done"


def test_openssl_takes_the_same_ones(tmp_path: Path) -> None:
    """One of each kind: a process for each vector takes long."""
    one_of_each = {(vector["flags"][0], public_key): (public_key, vector) for public_key, vector in VECTORS}
    for public_key, vector in one_of_each.values():
        (tmp_path / "public.pem").write_text(public_key)
        (tmp_path / "signature").write_bytes(bytes.fromhex(vector["sig"]))
        (tmp_path / "text").write_bytes(bytes.fromhex(vector["msg"]))
        files = ("-verify", str(tmp_path / "public.pem"), "-signature", str(tmp_path / "signature"))
        finished = run_openssl("dgst", "-sha256", *files, str(tmp_path / "text"))
        assert (finished.stdout.strip() == "Verified OK") == (vector["result"] == "valid"), vector["comment"]
