"""The bytes of the wire contract, section 1."""

from __future__ import annotations

import json

import pytest

from flask_licensing.core.wire import JsonValue, base64_of, encode_payload, envelope
from tests.documented_example import ENVELOPE
from tests.foreign_clients import run_php

AWKWARD: dict[str, JsonValue] = {
    "slash": "a/b",
    "quotes": "\"'",
    "backslash": "\\ \\/ \\u007f",
    "control": "".join(map(chr, range(0x20))),
    "delete": "\x7f",
    "c1": "\x80\x9f",
    "accent": "é",
    "japanese": "日本",
    "emoji": "😀",
    "separators": "\u2028\u2029",
    "markup": "<a href='x'>&</a>",
    "number": -7,
    "flags": [True, False, None],
    "nested": {"list": [], "of": [1, "é/"]},
}


def test_the_documented_example_encodes_byte_for_byte() -> None:
    assert base64_of(encode_payload(ENVELOPE["response"])) == ENVELOPE["response_base64"]


def test_text_is_escaped_as_php_escapes_it() -> None:
    payload = encode_payload({"text": 'a/b "c" \\ é 日本 😀 \x7f \x00\x1f\t\n\r\b\f'})
    assert payload == (
        '{"text":"a\\/b \\"c\\" \\\\ \\u00e9 \\u65e5\\u672c \\ud83d\\ude00 \x7f \\u0000\\u001f\\t\\n\\r\\b\\f"}'
    )


def test_phps_json_encode_makes_the_same_bytes() -> None:
    encoded_by_php = run_php("echo json_encode(json_decode(stream_get_contents(STDIN)));", json.dumps(AWKWARD))
    assert encode_payload(AWKWARD) == encoded_by_php


def test_every_character_of_the_first_planes_is_encoded_as_php_does() -> None:
    characters = [chr(number) for number in (*range(0xD800), *range(0xE000, 0x10400), 0x1F600, 0x10FFFF)]
    document = {"text": "".join(characters)}
    encoded_by_php = run_php("echo json_encode(json_decode(stream_get_contents(STDIN)));", json.dumps(document))
    assert encode_payload(document) == encoded_by_php


def test_member_order_is_kept() -> None:
    assert encode_payload({"b": 1, "a": 2}) == '{"b":1,"a":2}'


def test_a_lone_surrogate_is_no_text() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode_payload({"text": "\ud800"})


def test_the_envelope_has_the_four_members_in_order_and_the_payload_as_it_was_signed() -> None:
    payload = encode_payload({"code": 900, "message": "é/"})
    body = envelope(payload, base64_of(payload), "product", "c2ln/+==")
    assert body == (
        f'{{"response":{payload},"response_base64":"{base64_of(payload)}",'
        '"private_key_used":"product","signature":"c2ln\\/+=="}'
    )
    assert json.loads(body)["signature"] == "c2ln/+=="
