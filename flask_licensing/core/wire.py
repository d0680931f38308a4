r"""The bytes of the wire contract: how a response becomes JSON, base64 and an envelope (contract section 1).

Everything is made once. :func:`encode_payload` serialises a response, :func:`envelope` puts that very text and its
base64 into the answer; no other module serialises what is signed.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

JsonValue: TypeAlias = "str | int | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
"""What a response is made of. There are no floats on the wire."""

NO_PRIVATE_KEY_SIGNATURE = "Private key not set"
"""What stands in ``signature`` where no private key is configured (contract section 1)."""

PrivateKeyUsed: TypeAlias = Literal["product", "global"]
"""What ``private_key_used`` says (contract section 1)."""

ISO = "%Y-%m-%dT%H:%M:%S.%fZ"
"""ISO 8601 in UTC, with microseconds: how most times are written."""

_NON_ASCII = re.compile(r"[^\x00-\x7f]")


def encode_payload(response: Mapping[str, JsonValue]) -> str:
    r"""Return the compact JSON of ``response``, as PHP's ``json_encode`` writes it.

    Member order is kept, there is no white space, non-ASCII is lower-case ``\uXXXX``, ``/`` is ``\/``.

    Raises:
        UnicodeEncodeError: a text holds a lone surrogate, which is not Unicode.

    """
    # Python's own ASCII mode escapes U+007F, which PHP writes as it is; its Unicode mode agrees with PHP below U+0080.
    text = json.dumps(response, separators=(",", ":"), ensure_ascii=False).replace("/", "\\/")
    return text if text.isascii() else _NON_ASCII.sub(_utf16_escape, text)


def _utf16_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def base64_of(payload: str) -> str:
    """Return ``response_base64``: standard base64, with padding, of an encoded payload."""
    return base64.b64encode(payload.encode("ascii")).decode("ascii")


def envelope(
    payload: str,
    response_base64: str,
    private_key_used: str,
    signature: str,
    unsigned_members: Mapping[str, JsonValue] | None = None,
) -> str:
    """Return the body of an answer: the four members of contract section 1, in its order, then any others."""
    members = encode_payload(
        {
            "response_base64": response_base64,
            "private_key_used": private_key_used,
            "signature": signature,
            **(unsigned_members or {}),
        }
    )
    return f'{{"response":{payload},{members[1:]}'
