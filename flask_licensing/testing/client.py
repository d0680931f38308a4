"""A test client that has an API key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_licensing.core.state import EXTENSION_NAME
from flask_licensing.extension import Licensing
from flask_licensing.testing.answers import assert_signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask
    from werkzeug.test import TestResponse

    from flask_licensing.api_keys.store import NewApiKey


def create_api_key(app: Flask) -> NewApiKey:
    """Create an API key in an app that has licensing."""
    with app.app_context():
        return Licensing().create_api_key("licensing_api_key")


class LicensingClient:
    """Sends requests to the licensing endpoints of an app, with an API key in the header."""

    def __init__(self, app: Flask, secret: str, public_key: str) -> None:
        self._app = app
        self._secret = secret
        self._public_key = public_key

    def post(
        self, endpoint: str, fields: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        """Send a form to an endpoint, such as ``"create-license-keys"``."""
        prefix = self._app.extensions[EXTENSION_NAME].settings.url_prefix
        sent_headers = {"Authorization": f"Bearer {self._secret}", **(headers or {})}
        return self._app.test_client().post(f"{prefix}/{endpoint}", data=dict(fields), headers=sent_headers)

    def assert_signed(self, answer: TestResponse, **expected: Any) -> dict[str, Any]:
        """As :func:`flask_licensing.testing.assert_signed`, with the public key of ``licensing_private_key``."""
        return assert_signed(answer, self._public_key, **expected)
