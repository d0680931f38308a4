"""Ids of keys, the header that names them, and reading public keys from what is published."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from flask_licensing.core.public_keys import key_id_of
from flask_licensing.http.answers import KEY_ID_HEADER
from flask_licensing.private_keys.signing import generate_private_key
from flask_licensing.verification import PublicKeyError, is_valid_response, load_public_keys, verify_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hosts import Host

# RFC 7638 section 3.1.
RFC_JWK = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB"
    "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-"
    "65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"
    "bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
RFC_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def _pem(public_key: Any) -> str:
    return str(public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "ascii")


def test_a_key_id_is_the_thumbprint_of_rfc_7638() -> None:
    ((key_id, public_key),) = load_public_keys(json.dumps({"keys": [RFC_JWK]})).items()
    assert key_id == key_id_of(public_key) == RFC_THUMBPRINT


def test_the_id_does_not_depend_on_the_form_a_key_came_in() -> None:
    (public_key,) = load_public_keys(json.dumps({"keys": [RFC_JWK]})).values()
    pkcs1 = public_key.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    assert [*load_public_keys(_pem(public_key)), *load_public_keys(pkcs1)] == [RFC_THUMBPRINT] * 2


def test_several_keys_are_read_in_their_order_and_others_than_rsa_passed_over() -> None:
    keys = [rsa.generate_private_key(65537, 2048).public_key() for _ in range(3)]
    ids = [key_id_of(key) for key in keys]
    bundle = "from a site\n" + "\n".join(map(_pem, keys)) + "the end\n"
    assert list(load_public_keys(bundle)) == ids
    numbers = [key.public_numbers() for key in keys]
    assert [loaded.public_numbers() for loaded in load_public_keys(bundle.encode()).values()] == numbers
    assert list(load_public_keys(json.dumps({"keys": [{"kty": "EC", "crv": "P-256"}, RFC_JWK]}))) == [RFC_THUMBPRINT]
    assert load_public_keys('{"keys": []}') == {}


def test_what_is_no_public_key_is_refused() -> None:
    elliptic = _pem(ec.generate_private_key(ec.SECP256R1()).public_key())
    wrong = [
        "",
        "text",
        elliptic,
        elliptic.replace("\n", "", 2),
        "{",
        "{}",
        '{"keys": 7}',
        '{"keys": ["RSA"]}',
    ]
    no_jwks = [{"kty": "RSA"}, RFC_JWK | {"e": "%"}, RFC_JWK | {"n": 7}, RFC_JWK | {"e": "Ag"}]
    for document in [*wrong, *(json.dumps({"keys": [jwk]}) for jwk in no_jwks)]:
        with pytest.raises(PublicKeyError):
            load_public_keys(document)


PURPOSES = [
    {"use": "enc"},
    {"alg": "RS512"},
    {"alg": "RSA-OAEP"},
    {"key_ops": ["encrypt", "wrapKey"]},
    {"key_ops": []},
    {"key_ops": "verify"},
    {"key_ops": "xverifyx"},
]


@pytest.mark.parametrize("purpose", PURPOSES)
def test_keys_for_something_else_are_passed_over_where_others_are_left(purpose: dict[str, Any]) -> None:
    other = RFC_JWK | {"e": "Aw"}
    (key_id,) = load_public_keys(
        json.dumps({"keys": [other | purpose, RFC_JWK | {"use": "sig", "key_ops": ["verify"]}]})
    )
    assert key_id == RFC_THUMBPRINT
    with pytest.raises(PublicKeyError, match="for verifying RS256"):
        load_public_keys(json.dumps({"keys": [other | purpose]}))


def test_an_answer_is_verified_with_any_form_of_several_keys(host: Host) -> None:
    body = host.post(host.fields()).data
    other = rsa.generate_private_key(65537, 2048).public_key()
    bundle = _pem(other) + host.public_key
    for keys in (bundle, load_public_keys(bundle), list(load_public_keys(bundle).values()), [_pem(other), bundle]):
        assert verify_response(body, keys).response["code"] == 900
    assert not is_valid_response(body, load_public_keys(_pem(other)))
    with pytest.raises(PublicKeyError, match="no public key"):
        verify_response(body, {})


def test_every_signed_answer_names_its_key_in_a_header(host: Host) -> None:
    (key_id,) = load_public_keys(host.public_key)
    client = host.app.test_client()
    answers = [
        host.post(host.fields()),
        host.post(host.fields(status="sold")),
        client.post("/api/v1/create-license-keys"),
        client.get("/api/v1/create-license-keys"),
    ]
    assert [answer.get_json()["response"]["code"] for answer in answers] == [900, 901, 100, 9405]
    assert [answer.headers[KEY_ID_HEADER] for answer in answers] == [key_id] * len(answers)


def test_an_unsigned_answer_names_no_key(create_host: Callable[..., Host]) -> None:
    host = create_host(private_key_source=lambda _: None)
    assert KEY_ID_HEADER not in host.post(host.fields()).headers


def test_a_replayed_answer_names_the_key_that_signed_it(
    create_host: Callable[..., Host], database_url: str, private_key: str, public_key: str
) -> None:
    keys = {"now": private_key}
    source = {"private_key_source": lambda product_id: None if product_id else keys["now"]}
    host = create_host(database_url, private_key_refresh_seconds=0, **source)
    first = host.post(host.fields(), headers={"Idempotency-Key": "order-1"})
    keys["now"] = generate_private_key().decode()
    replay = host.post(host.fields(), headers={"Idempotency-Key": "order-1"})
    anew = host.post(host.fields())
    (key_id,) = load_public_keys(public_key)
    assert first.headers[KEY_ID_HEADER] == replay.headers[KEY_ID_HEADER] == key_id
    assert anew.headers[KEY_ID_HEADER] != key_id
    assert replay.data == first.data
