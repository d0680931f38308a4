"""What a request says about who calls (contract section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.core.networks import is_in_networks
from flask_licensing.errors import AccessDenied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Request

    from flask_licensing.core.state import LicensingState

API_KEY_FIELD = "api_key"

HEADER_WHITE_SPACE = " \t"
"""What does not count around the value of a header (RFC 9110 section 5.6.3); other spaces are characters of it."""


def refuse_blocked_address(state: LicensingState, request: Request) -> None:
    """Raise :class:`AccessDenied` where the request's address is blocked, or is unknown while others are blocked."""
    blocked = state.settings.blocked_addresses
    if blocked:
        address = state.caller_addresses.read(request.remote_addr)
        if address is None or is_in_networks(address, blocked):
            raise AccessDenied


def api_key_field(fields: Mapping[str, object]) -> str | None:
    """Return the API key among the fields of a request, or ``None``."""
    secret = fields.get(API_KEY_FIELD)
    return secret.strip() if isinstance(secret, str) else None


def bearer_token(request: Request) -> str | None:
    """Return the API key in the header, or ``None``."""
    # Werkzeug takes a token with “=” inside for parameters, as other schemes have them.
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip(HEADER_WHITE_SPACE) if scheme.lower() == "bearer" else None
