"""What the shop begins with: its tables, one product, one API key, and one license key that is there already."""

from __future__ import annotations

import sqlalchemy as sa

from example_app import documented_request
from example_app.database import db
from example_app.licenses import licensing
from flask_licensing.models import LicenseKey

API_KEY_NAME = "documented request"


def stock_up() -> None:
    """Make what is missing; a site that lives longer makes its tables with migrations. Needs an app context."""
    db.create_all()
    products = licensing.list_products() or [licensing.create_product("Photo Editor")]
    if all(api_key.name != API_KEY_NAME for api_key in licensing.list_api_keys()):
        licensing.create_api_key(API_KEY_NAME, secret=documented_request.FIELDS["api_key"])
    licensing.create_license_keys(
        [documented_request.STORED_LICENSE_KEY],
        product_id=products[0].id,
        activation_limit=0,
        validity=0,
        status="available",
    )


def remove_new_license_keys() -> None:
    """Remove the license keys that the documented request creates, so that it creates them. Needs an app context."""
    table = LicenseKey.__table__
    db.session.execute(sa.delete(LicenseKey).where(table.c.license_key.in_(documented_request.NEW_LICENSE_KEYS)))
    db.session.commit()
