"""The verifier against whatever a stranger may send: only what was signed comes out, and only its own errors."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flask_licensing.private_keys.signing import RsaSigner
from flask_licensing.verification import (
    BadSignature,
    MalformedEnvelope,
    PublicKeyError,
    VerificationError,
    is_valid_response,
    load_public_keys,
    verify_response,
)
from tests.documented_example import ANSWER, ENVELOPE, PUBLIC_KEY
from tests.key_pairs import key_pairs

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

EXPECTED = ENVELOPE["response"]
(OTHER_KEY,) = key_pairs(1)

scalars: SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from([10**4000, 1e400, "\ud800"])
)
documents: SearchStrategy[Any] = st.recursive(
    scalars, lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4)
)
members = st.sampled_from([*ENVELOPE, "more"])


def _refused(envelope: Any, key: Any = PUBLIC_KEY) -> bool:
    """Whether the answer is refused; anything but the verifier's own error goes through to the test."""
    try:
        verify_response(envelope, key)
    except VerificationError:
        return True
    return False


def _never_untrue(envelope: Any) -> None:
    """Whatever is accepted gives what was signed."""
    try:
        assert verify_response(envelope, PUBLIC_KEY).response == EXPECTED
    except VerificationError:
        assert not is_valid_response(envelope, PUBLIC_KEY)


@settings(deadline=None)
@given(st.binary() | st.text(st.characters(exclude_categories=[])) | documents.map(json.dumps))
def test_no_text_and_no_bytes_at_all_are_accepted_or_raise_another_error(body: bytes | str) -> None:
    assert _refused(body)


@settings(deadline=None)
@given(documents)
def test_no_document_is_accepted_or_raises_another_error(document: Any) -> None:
    assert _refused(document)


@settings(deadline=None, max_examples=300)
@given(member=members, value=documents)
def test_a_member_of_any_other_value_gives_nothing_that_was_not_signed(member: str, value: Any) -> None:
    assume(value != ENVELOPE.get(member))
    changed = ENVELOPE | {member: value}
    _never_untrue(changed)
    _never_untrue(json.dumps(changed))
    if member in {"response_base64", "signature"}:
        assert _refused(changed)


@settings(deadline=None, max_examples=300)
@given(start=st.integers(0, len(ANSWER)), length=st.integers(0, 8), piece=st.binary(max_size=8))
def test_an_answer_with_bytes_replaced_gives_nothing_that_was_not_signed(start: int, length: int, piece: bytes) -> None:
    body = ANSWER.encode()
    _never_untrue(body[:start] + piece + body[start + length :])


@settings(deadline=None)
@given(member=members, value=documents, first=st.booleans())
def test_an_envelope_with_a_member_twice_is_refused(member: str, value: Any, first: bool) -> None:
    """Readers of JSON differ in which of two members counts, so that one could verify what another reads past."""
    second = f"{json.dumps(member)}:{json.dumps(value)}"
    pairs = [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in (ENVELOPE | {"more": 1}).items()]
    body = "{" + ",".join([second, *pairs] if first else [*pairs, second]) + "}"
    with pytest.raises(MalformedEnvelope):
        verify_response(body, PUBLIC_KEY)


def test_a_member_twice_is_noticed_however_it_is_written() -> None:
    genuine, forged = ENVELOPE["response_base64"], base64.b64encode(b'{"code":900,"created":1000000}').decode()
    rest = json.dumps({name: value for name, value in ENVELOPE.items() if name != "response_base64"})[1:]
    for one, other in ((genuine, forged), (forged, genuine), (genuine, genuine)):
        for name in ("response_base64", r"response\u005fbase64"):
            body = f'{{"response_base64":"{one}","{name}":"{other}",{rest}'
            with pytest.raises(MalformedEnvelope, match="twice"):
                verify_response(body, PUBLIC_KEY)


@settings(deadline=None)
@given(member=st.sampled_from(["response_base64", "signature"]), data=st.data())
def test_every_other_way_to_write_the_same_base64_is_refused(member: str, data: st.DataObject) -> None:
    text = ENVELOPE[member]
    place = data.draw(st.integers(0, len(text)))
    space = data.draw(st.sampled_from([" ", "\n", "\r\n", "\t", "\0", "=", "\u00a0", "-", "_", "*"]))
    variants = [
        text[:place] + space + text[place:],
        text.rstrip("="),
        text + "=",
        text + "==",
        text.rstrip("=") + "\n" + "=" * text.count("="),
        text.lower(),
    ]
    for variant in set(variants) - {text}:
        assert _refused(ENVELOPE | {member: variant})


def test_url_safe_base64_is_refused() -> None:
    assert "+" in ENVELOPE["signature"]
    assert _refused(ENVELOPE | {"signature": ENVELOPE["signature"].replace("+", "-").replace("/", "_")})


@settings(deadline=None)
@given(st.integers(1, 15))
def test_bits_that_base64_leaves_unused_are_not_free_to_change(extra: int) -> None:
    """The last character before the padding of a 256-byte signature has four bits that decode to nothing."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    text = ENVELOPE["signature"]
    assert text.endswith("==")
    last = alphabet.index(text[-3])
    assert last % 16 == 0
    other = text[:-3] + alphabet[last + extra] + "=="
    assert base64.b64decode(other) == base64.b64decode(text)
    assert _refused(ENVELOPE | {"signature": other})


@settings(deadline=None)
@given(multiple=st.integers(1, 300))
def test_a_signature_plus_the_modulus_is_refused(multiple: int) -> None:
    """RFC 8017 section 8.2.2: a representative out of range is no signature; it would verify after the reduction."""
    public = load_pem_public_key(PUBLIC_KEY.encode())
    assert isinstance(public, rsa.RSAPublicKey)
    representative = int.from_bytes(base64.b64decode(ENVELOPE["signature"]), "big")
    for moved in (representative + multiple * public.public_numbers().n, public.public_numbers().n - representative):
        length = max(256, (moved.bit_length() + 7) // 8)
        signature = base64.b64encode(moved.to_bytes(length, "big")).decode()
        with pytest.raises(BadSignature):
            verify_response(ENVELOPE | {"signature": signature}, PUBLIC_KEY)
    padded = base64.b64encode(bytes(multiple) + base64.b64decode(ENVELOPE["signature"])).decode()
    assert _refused(ENVELOPE | {"signature": padded})


@settings(deadline=None)
@given(documents)
def test_another_key_is_refused_and_the_right_one_gives_what_was_signed(document: Any) -> None:
    text = base64.b64encode(json.dumps({"code": 900, "more": document}).encode()).decode()
    signature = base64.b64encode(RsaSigner(OTHER_KEY.private).sign(text.encode())).decode()
    signed = {"response_base64": text, "private_key_used": "global", "signature": signature}
    assert _refused(signed | {"response": {"code": 900, "more": document}})
    for response in ({"code": 900, "more": document}, {"code": 900}):
        try:
            verified = verify_response(signed | {"response": response}, OTHER_KEY.public_pem)
        except VerificationError:
            continue
        assert json.dumps(verified.response) == json.dumps({"code": 900, "more": document})
        assert response == verified.response


@pytest.mark.parametrize("body", ["[" * 10**6, '{"a":' * 10**6, '"' + "a" * 10**7, "{" + '"a":1,' * 10**6, "9" * 10**6])
def test_huge_bodies_are_refused(body: str) -> None:
    assert _refused(body)
    assert _refused(ENVELOPE | {"signature": body})
    assert _refused(ENVELOPE | {"response_base64": body})


@settings(deadline=None)
@given(st.text())
def test_private_key_used_is_product_or_global(text: str) -> None:
    assume(text not in {"product", "global"})
    with pytest.raises(MalformedEnvelope, match="private_key_used"):
        verify_response(ENVELOPE | {"private_key_used": text}, PUBLIC_KEY)


@settings(deadline=None)
@given(
    st.binary() | st.text(st.characters(exclude_categories=[])) | documents.map(json.dumps),
    st.sampled_from(["", '{"keys":[', '{"keys":[{"kty":"RSA","e":"AQAB","n":', "-----BEGIN PUBLIC KEY-----\n"]),
    st.sampled_from(["", "]}", "}]}", "\n-----END PUBLIC KEY-----"]),
)
def test_no_document_of_public_keys_raises_another_error(middle: bytes | str, before: str, after: str) -> None:
    document = before + middle + after if isinstance(middle, str) else before.encode() + middle + after.encode()
    try:
        loaded = load_public_keys(document)
    except PublicKeyError:
        return
    assert all(isinstance(key, rsa.RSAPublicKey) for key in loaded.values())
