"""The request that the licensing API's reference gives as its example, field by field."""

from __future__ import annotations

ENDPOINT = "/api/v1/create-license-keys"

STORED_LICENSE_KEY = "9cc2cc83-4c74-49f9-98f5-f0e1c1eb1541"
"""The one of the four license keys that is there already when the reference sends its request."""

NEW_LICENSE_KEYS = (
    "3a343c8a-38fe-4b6e-ad77-444444",
    "3a343c8a-38fe-4b6e-ad77-2222222",
    "3a343c8a-38fe-4b6e-ad77-0078aaf16-333333",
)

FIELDS = {
    "api_key": "2964c3c9-0b5d-4d89-b3ac-4668f30bc492",
    "license_keys": (
        '["3a343c8a-38fe-4b6e-ad77-444444","3a343c8a-38fe-4b6e-ad77-2222222",'
        '"3a343c8a-38fe-4b6e-ad77-0078aaf16-333333", "9cc2cc83-4c74-49f9-98f5-f0e1c1eb1541"]'
    ),
    "product_id": "1",
    "owner_name": "Test User",
    "owner_email": "domain@email.ltdc",
    "activation_limit": "0",
    "validity": "0",
    "status": "available",
    "assigned_at": "2024-01-08 00:00:00",
}
