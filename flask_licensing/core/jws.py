"""JSON Web Signatures in compact form (RFC 7515 section 7.1): three texts of base64url with dots between.

Needs neither Flask nor SQLAlchemy.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask_licensing.core.wire import JsonValue

ALGORITHM = "RS256"
"""RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3), which answers are signed with too."""

LICENSE_FILE_TYPE = "license+jwt"
"""What the header of a license file says that it is, so that no other token passes for one (RFC 8725 section 3.11)."""


def signing_input(header: Mapping[str, JsonValue], claims: Mapping[str, JsonValue]) -> str:
    """Return what is signed of a token: its header and its claims, with a dot between."""
    return ".".join(base64url(json.dumps(part, separators=(",", ":")).encode("ascii")) for part in (header, claims))


def compact(signed_text: str, signature: bytes) -> str:
    """Return the whole token: what was signed, and its signature."""
    return f"{signed_text}.{base64url(signature)}"


def base64url(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def base64url_decoded(text: str) -> bytes:
    """Return what is written in base64url without padding.

    Raises:
        ValueError: it has another character, or it is not the one text of that data.

    """
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if base64url(data) != text:
        raise ValueError("another text has the same data")
    return data
