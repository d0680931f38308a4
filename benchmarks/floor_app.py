"""The floor: the least a Flask app can do to answer the same request, without a check that is not part of the work."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from flask import Flask, Response, abort, request

from benchmarks.load import PATH
from benchmarks.raw_database import RawDatabase
from benchmarks.site import Site

if TYPE_CHECKING:
    from pathlib import Path


def _read_form() -> dict[str, str]:
    # Most escapes of a JSON array are these two; unquoting each on its own is the largest part of a large request.
    text = request.get_data(as_text=True).replace("%22", '"').replace("%2C", ",")
    return dict(parse_qsl(text))


class Floor:
    """Signs answers and creates license keys over one connection that stays open."""

    def __init__(self, database_url: str, private_key_file: Path) -> None:
        self.database = RawDatabase(database_url)
        private_key = serialization.load_pem_private_key(private_key_file.read_bytes(), None)
        assert isinstance(private_key, RSAPrivateKey)  # noqa: S101 - made by the benchmark itself
        self._private_key = private_key

    def sign(self, text: str) -> str:
        """Return the signature of an ASCII text as base64."""
        signature = self._private_key.sign(text.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(signature).decode("ascii")

    def create_license_keys(self) -> Response:
        """Answer the current request."""
        form = _read_form()
        self._check_api_key()
        product_id = int(form["product_id"])
        if self.database.find_product(product_id) is None:
            self.database.rollback()
            abort(400)
        license_keys = json.loads(form["license_keys"])
        created = self.database.insert(license_keys, product_id)
        self.database.record(product_id, created, len(license_keys) - created)
        answer = self._answer(
            900, "License keys creation result", created=created, duplicate=len(license_keys) - created
        )
        self.database.commit()
        return answer

    def verify(self) -> Response:
        """Say whether a license key is valid for an identifier."""
        form = _read_form()
        self._check_api_key()
        status, is_active = self.database.find_state(form["license_key"], form["identifier"]) or (None, None)
        self.database.rollback()
        if status != "assigned" or not is_active:
            return self._answer(202, "No activation found for this license key/identifier combination")
        return self._answer(200, "Valid license key")

    def _check_api_key(self) -> None:
        authorization = request.authorization
        secret = (authorization.token if authorization else None) or ""
        if self.database.find_api_key(hashlib.sha256(secret.encode()).hexdigest()) is None:
            self.database.rollback()
            abort(401)

    def _answer(self, code: int, message: str, **members: int) -> Response:
        response = {"code": code, "message": message, **members, "timestamp": int(time.time())}
        payload = json.dumps(response, separators=(",", ":"))
        encoded = base64.b64encode(payload.encode()).decode()
        signed = {
            "response": response,
            "response_base64": encoded,
            "private_key_used": "global",
            "signature": self.sign(encoded),
        }
        return Response(json.dumps(signed, separators=(",", ":")), mimetype="application/json")


def create_floor(floor: Floor) -> Flask:
    """Return the app."""
    app = Flask("floor")
    app.add_url_rule(PATH, view_func=floor.create_license_keys, methods=["POST"])
    app.add_url_rule("/api/v1/verify", view_func=floor.verify, methods=["POST"])
    return app


def create_app() -> Flask:
    """Return the app over the database that the environment names."""
    site = Site.from_environment()
    return create_floor(Floor(site.database_url, site.private_key_file))
