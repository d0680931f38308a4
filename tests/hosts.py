"""Host apps for tests: a site with a database, licensing, one product and one API key."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_licensing import Licensing
from flask_licensing.testing import find_license_key as find_in_store
from flask_licensing.verification import verify_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.test import TestResponse

    from flask_licensing.hooks import LicenseKey, LicenseKeyPageStore

PATH = "/api/v1/create-license-keys"


@dataclass
class Host:
    """A running site: its parts, its product, and the secret of an API key that may call everything."""

    app: Flask
    db: SQLAlchemy
    licensing: Licensing
    product_id: int
    secret: str
    public_key: str

    def fields(self, **changes: Any) -> dict[str, Any]:
        """The fields of a request that creates one license key; ``None`` leaves a field out."""
        fields = {
            "license_keys": '["AAAA-1111"]',
            "product_id": str(self.product_id),
            "activation_limit": "0",
            "validity": "0",
            "status": "available",
        } | changes
        return {name: value for name, value in fields.items() if value is not None}

    def post(self, fields: Mapping[str, Any], *, path: str = PATH, **options: Any) -> TestResponse:
        """Send a form with the API key in the header."""
        headers = {"Authorization": f"Bearer {self.secret}"} | options.pop("headers", {})
        return self.app.test_client().post(path, data=dict(fields), headers=headers, **options)

    def create(self, **changes: Any) -> dict[str, Any]:
        """Send a request and return its verified ``response``."""
        return self.verified(self.post(self.fields(**changes)))

    def ask(self, endpoint: str, **fields: Any) -> dict[str, Any]:
        """Send a form to an endpoint and return its verified ``response``."""
        return self.verified(self.send("POST", endpoint, fields))

    def send(self, method: str, endpoint: str, fields: Mapping[str, Any]) -> TestResponse:
        """Send a form, or a query where the method is GET, with the API key in the header."""
        headers = {"Authorization": f"Bearer {self.secret}"}
        query, form = (fields, {}) if method == "GET" else ({}, fields)
        return self.app.test_client().open(
            f"/api/v1/{endpoint}", method=method, headers=headers, query_string=dict(query), data=dict(form)
        )

    def verified(self, answer: TestResponse) -> dict[str, Any]:
        """Return the ``response`` of an answer whose signature holds."""
        return dict(verify_response(answer.data, self.public_key).response)

    def stored_license_keys(self) -> list[str]:
        """Every license key in the database."""
        from sqlalchemy import select

        from flask_licensing.models import LicenseKey

        with self.app.app_context():
            return sorted(self.db.session.scalars(select(LicenseKey.license_key)))


def find_license_key(host: Host, license_key: str) -> LicenseKey | None:
    """Return a license key as the host's store has it, or ``None``. Needs an app context."""
    return find_in_store(cast("LicenseKeyPageStore", host.licensing.state.key_store), license_key)


def create_host(database_url: str, private_key: str, public_key: str, **settings: Any) -> Host:
    """Return a new site over an empty database; ``settings`` are arguments of ``Licensing``."""
    app = Flask("host")
    app.config.update(SQLALCHEMY_DATABASE_URI=database_url, TESTING=True)
    return set_up_licensing(app, private_key, public_key, **settings)


def set_up_licensing(app: Flask, private_key: str, public_key: str, **settings: Any) -> Host:
    """Add database and licensing to a site's app."""
    db = SQLAlchemy()
    loaded = _loaded(private_key)
    settings.setdefault("private_key_source", lambda product_id: loaded if product_id is None else None)
    licensing = Licensing(db=db, **settings)
    db.init_app(app)
    licensing.init_app(app)
    with app.app_context():
        db.create_all()
        product = licensing.create_product("Photo Editor")
        secret = licensing.create_api_key("tests").secret
    return Host(app, db, licensing, product.id, secret, public_key)


@cache
def _loaded(pem: str) -> Any:
    """Return the private key, loaded once: its primes are checked each time, which takes most of a start."""
    return load_pem_private_key(pem.encode(), None)
