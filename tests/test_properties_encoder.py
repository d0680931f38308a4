"""The encoder against PHP's rules: stated once more here, and asked of PHP itself."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flask_licensing.core.wire import base64_of, encode_payload, envelope
from tests.foreign_clients import run_php

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

INTEGERS = st.integers(-(2**63), 2**63 - 1)
"""Those that PHP has too."""

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text('"\\/\b\f\n\r\t\0\x1f\x7f\x80é\u2028\uffff😀u0')
NAMES = TEXTS.filter(lambda name: not name.startswith("\0"))
"""PHP has no member whose name begins with NUL."""

documents: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXTS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(NAMES, children, max_size=3),
    max_leaves=10,
)
payloads = st.dictionaries(NAMES, documents, max_size=3)


def _as_php_writes(value: Any) -> str:
    """PHP's rules for ``json_encode`` without flags (php.net/json_encode), character by character."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_as_php_writes(name)}:{_as_php_writes(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_as_php_writes, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(map(_escaped, value)) + '"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _escaped(character: str) -> str:
    number = ord(character)
    if character in SHORT_ESCAPES:
        return SHORT_ESCAPES[character]
    if 0x20 <= number < 0x80:
        return character
    if number < 0x10000:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"


@settings(deadline=None, max_examples=100)
@given(payloads)
def test_a_payload_is_written_by_phps_rules_in_ascii_and_reads_back(payload: dict[str, Any]) -> None:
    encoded = encode_payload(payload)
    assert encoded == _as_php_writes(payload)
    assert encoded.isascii()
    assert json.loads(encoded) == payload
    assert list(json.loads(encoded)) == list(payload)


@settings(deadline=None, max_examples=5)
@given(st.lists(payloads, min_size=20, max_size=40))
def test_php_itself_writes_the_same(written: list[dict[str, Any]]) -> None:
    program = "while (($line = fgets(STDIN)) !== false) echo json_encode(json_decode($line)), PHP_EOL;"
    by_php = run_php(program, "".join(f"{json.dumps(payload)}\n" for payload in written))
    assert by_php.split("\n")[:-1] == [encode_payload(payload) for payload in written]


@settings(deadline=None)
@given(payloads, st.binary())
def test_an_envelope_is_one_json_object_of_four_members_around_the_very_text(
    payload: dict[str, Any], signature: bytes
) -> None:
    encoded = encode_payload(payload)
    body = envelope(encoded, base64_of(encoded), "global", base64_of(signature.hex()))
    assert list(json.loads(body)) == ["response", "response_base64", "private_key_used", "signature"]
    assert json.loads(body)["response"] == payload
    assert base64.b64decode(json.loads(body)["response_base64"], validate=True) == encoded.encode()
    assert body.startswith(f'{{"response":{encoded},"response_base64":"')
    assert body.isascii()
