"""Every code of the wire contract that this package answers with: number, sentence and HTTP status, once.

New endpoints add their rows here. Source: contract sections 1, 2 and 4.
"""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """An outcome: ``number`` goes into ``response.code``, ``message`` beside it, ``status`` is the HTTP status."""

    INVALID_API_KEY = (100, "Invalid API Key", 401)
    INACTIVE_API_KEY = (101, "Inactive API Key", 401)
    MISSING_CAPABILITY = (
        102,
        "The used API key doesn't have the required capability to access this endpoint",
        401,
    )
    ADDRESS_NOT_ALLOWED = (103, "API key can't be used from this IP address", 401)
    ACCESS_DENIED = (150, "Access denied", 403)

    LICENSE_KEYS_CREATED = (900, "License keys creation result", 200)
    INCORRECT_DATA = (901, "Incorrect data found", 200)
    NO_LICENSE_KEYS_CREATED = (902, "No license keys created", 200)

    MALFORMED_REQUEST = (9400, "Malformed request", 400)
    WRONG_METHOD = (9405, "Wrong method", 405)
    IDEMPOTENCY_KEY_REUSED = (9409, "Idempotency-Key reused with another payload", 409)
    REQUEST_TOO_LARGE = (9413, "Request too large", 413)
    UNSUPPORTED_MEDIA_TYPE = (9415, "Unsupported media type", 415)
    TOO_MANY_REQUESTS = (9429, "Too many requests", 429)
    INTERNAL_ERROR = (9500, "Internal error", 500)
    STORE_UNAVAILABLE = (9503, "The key store is unavailable, try again", 503)

    def __init__(self, number: int, message: str, status: int) -> None:
        self.number = number
        self.message = message
        self.status = status
