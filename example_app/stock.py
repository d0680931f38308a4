"""What the shop begins with, so that the request which the licensing API's reference gives as its example works."""

from __future__ import annotations

import json
from pathlib import Path

import sqlalchemy as sa
from flask import current_app

from example_app import licensed_program
from example_app.extensions import db, licensing
from flask_licensing.models import LicenseKey

DOCUMENTED_FIELDS = {
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

STORED_LICENSE_KEY = "9cc2cc83-4c74-49f9-98f5-f0e1c1eb1541"
"""The one of the four license keys that is there already when the reference sends its request."""

API_KEYS = {
    "documented request": (DOCUMENTED_FIELDS["api_key"], None),
    "licensed program": (licensed_program.API_KEY, ("verify", "activate", "get-license-file")),
}
"""The name of each API key, its secret, and what it may call where that is not everything."""


def stock_up() -> None:
    """Make what is missing; a site that lives longer makes its tables with migrations. Needs an app context."""
    db.create_all()
    products = licensing.list_products() or [licensing.create_product("Photo Editor")]
    names = {api_key.name for api_key in licensing.list_api_keys()}
    for name in API_KEYS.keys() - names:
        secret, capabilities = API_KEYS[name]
        licensing.create_api_key(name, capabilities=capabilities, secret=secret)
    licensing.create_license_keys(
        [STORED_LICENSE_KEY], product_id=products[0].id, activation_limit=0, validity=0, status="available"
    )
    for product_id in (None, products[0].id):
        if all(private_key.product_id != product_id for private_key in licensing.list_private_keys()):
            licensing.generate_private_key(product_id)
        file = public_key_file(product_id)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(licensing.public_key(product_id))


def public_key_file(product_id: int | None) -> Path:
    """Return the file of a product's public key, or the shop's own, for customers' programs. Needs an app context."""
    return Path(current_app.instance_path, "public-keys", f"product-{product_id}.pem" if product_id else "global.pem")


def remove_new_license_keys() -> None:
    """Remove what the documented request creates, so that it creates it again. Needs an app context."""
    created = {*json.loads(DOCUMENTED_FIELDS["license_keys"])} - {STORED_LICENSE_KEY}
    db.session.execute(sa.delete(LicenseKey).where(LicenseKey.__table__.c.license_key.in_(created)))
    db.session.commit()
