"""Private keys: which are taken, and how a wrong one is refused."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from flask_licensing.errors import PrivateKeyError
from flask_licensing.private_keys.signing import generate_private_key, load_signer
from tests.foreign_clients import run_openssl

if TYPE_CHECKING:
    from pathlib import Path

PASSPHRASE = "open sesame, please"


def _load(material: Any, passphrase: str | None = None) -> Any:
    return load_signer(material, passphrase=passphrase, origin="the file keys/global.pem")


def _pem(key: Any) -> bytes:
    encoded: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return encoded


def test_a_made_key_has_2048_bits_and_signs() -> None:
    loaded = load_pem_private_key(generate_private_key(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    assert loaded.key_size == 2048
    assert len(_load(loaded).sign(b"text")) == 256


def test_a_key_made_with_a_passphrase_is_encrypted_and_opens_with_it() -> None:
    pem = generate_private_key(PASSPHRASE)
    assert b"ENCRYPTED" in pem
    assert len(_load(pem, PASSPHRASE).sign(b"text")) == 256


@pytest.mark.parametrize("traditional", [True, False], ids=["PKCS#1", "PKCS#8"])
@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "plain"])
def test_keys_that_openssl_made_are_taken(tmp_path: Path, private_key: str, traditional: bool, encrypted: bool) -> None:
    source, target = tmp_path / "source.pem", tmp_path / "target.pem"
    source.write_text(private_key)
    form = ["-traditional"] if traditional else []
    protection = ["-aes256", "-passout", f"pass:{PASSPHRASE}"] if encrypted else []
    made = run_openssl("rsa", "-in", str(source), "-out", str(target), *form, *protection)
    assert made.returncode == 0, made.stderr
    pem = target.read_bytes()
    assert (b"BEGIN RSA PRIVATE KEY" in pem) == traditional
    assert _load(pem, PASSPHRASE).sign(b"text") == _load(private_key).sign(b"text")


def test_a_passphrase_that_is_not_needed_does_no_harm(private_key: str) -> None:
    assert _load(private_key, PASSPHRASE).sign(b"text") == _load(private_key.encode()).sign(b"text")


def test_an_object_that_signs_is_taken_as_it_is() -> None:
    class RemoteSigner:
        def sign(self, data: bytes) -> bytes:
            return data[::-1]

    signer = RemoteSigner()
    assert _load(signer) is signer


WRONG_KEYS = {
    "EllipticCurve key": lambda: _pem(ec.generate_private_key(ec.SECP256R1())),
    "Ed25519 key": lambda: _pem(ed25519.Ed25519PrivateKey.generate()),
    "DSA key": lambda: _pem(dsa.generate_private_key(2048)),
    "RSA key of 1024 bits; at least 2048": lambda: _pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - it is to be refused
    "a public key": lambda: (
        rsa.generate_private_key(65537, 2048).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ),
    "a certificate": lambda: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "is empty": lambda: " \n",
    "is not a private key as PEM": lambda: "nonsense",
    "holds a int": lambda: 7,
    "holds a Ed25519 key": ed25519.Ed25519PrivateKey.generate,
}


@pytest.mark.parametrize("found", WRONG_KEYS)
def test_anything_else_is_refused_with_what_was_found_and_where(found: str) -> None:
    with pytest.raises(PrivateKeyError, match=r"the file keys/global\.pem") as refused:
        _load(WRONG_KEYS[found]())
    assert found in str(refused.value)


def test_half_a_key_is_refused(private_key: str) -> None:
    with pytest.raises(PrivateKeyError, match="is not a private key"):
        _load(private_key[: len(private_key) // 2])


def test_an_encrypted_key_needs_its_passphrase() -> None:
    pem = generate_private_key(PASSPHRASE)
    with pytest.raises(PrivateKeyError, match="encrypted and no passphrase is set"):
        _load(pem)
    with pytest.raises(PrivateKeyError, match="can't be opened with the passphrase"):
        _load(pem, "wrong passphrase")


def test_no_refusal_shows_a_key_or_a_passphrase(private_key: str) -> None:
    inside_of_key = private_key.splitlines()[3]
    attempts: list[tuple[Any, str | None]] = [
        (private_key[:-200], None),
        (private_key.replace("PRIVATE", "PUBLIC"), None),
        (generate_private_key(PASSPHRASE), "another secret passphrase"),
    ]
    for material, passphrase in attempts:
        with pytest.raises(PrivateKeyError) as refused:
            _load(material, passphrase)
        shown = "".join(traceback.format_exception(refused.value))
        assert inside_of_key not in shown
        assert "another secret passphrase" not in shown


def test_a_signers_repr_shows_nothing_of_its_key(private_key: str) -> None:
    assert "RsaSigner object" in repr(_load(private_key))
