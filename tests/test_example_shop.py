"""The example app's own pages: buying, and what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from example_app import create_app
from example_app.extensions import db
from example_app.shop import Order
from flask_licensing.models import LicenseKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A new example app over each database."""
    app = create_app(tmp_path / "instance", database_url)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def customer(shop: Flask) -> FlaskClient:
    return shop.test_client()


def _sold(shop: Flask) -> list[tuple[str, str | None]]:
    """Each order's e-mail address with its license key's."""
    query = sa.select(Order.email, LicenseKey.owner_email).join(LicenseKey, Order.license_key_id == LicenseKey.id)
    with shop.app_context():
        return [(row[0], row[1]) for row in db.session.execute(query)]


def _license_keys_of_customers(shop: Flask) -> int:
    query = sa.select(sa.func.count()).select_from(LicenseKey).where(LicenseKey.owner_email.is_not(None))
    with shop.app_context():
        return db.session.scalars(query).one()


def test_buying_commits_an_order_together_with_its_license_key(shop: Flask, customer: FlaskClient) -> None:
    bought = customer.post("/buy", data={"product_id": "1", "email": "ann@example.com"}, follow_redirects=True)
    assert bought.status_code == 200
    assert _sold(shop) == [("ann@example.com", "ann@example.com")]
    with shop.app_context():
        license_key = db.session.scalars(sa.select(LicenseKey.license_key).join(Order)).one()
    assert f"<code>{license_key}</code>" in bought.text


def test_an_order_that_fails_leaves_no_license_key_behind(shop: Flask, customer: FlaskClient) -> None:
    @sa.event.listens_for(Order, "before_insert")
    def fail(*_: object) -> None:
        raise RuntimeError("the order can't be stored")

    try:
        failed = customer.post("/buy", data={"product_id": "1", "email": "ann@example.com"})
    finally:
        sa.event.remove(Order, "before_insert", fail)
    assert failed.status_code == 500
    assert _sold(shop) == []
    assert _license_keys_of_customers(shop) == 0


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"product_id": "1"}, "The email field is required."),
        ({"product_id": "1", "email": "ann"}, "The owner email field must be a valid email address."),
        ({"product_id": "99", "email": "ann@example.com"}, "The selected product id is invalid."),
    ],
)
def test_a_wrong_order_is_refused_with_a_sentence(
    shop: Flask, customer: FlaskClient, form: dict[str, str], sentence: str
) -> None:
    refused = customer.post("/buy", data=form)
    assert refused.status_code == 400
    assert sentence in refused.text
    assert _sold(shop) == []
    assert _license_keys_of_customers(shop) == 0


def test_the_shop_window_names_the_product(customer: FlaskClient) -> None:
    assert "Photo Editor" in customer.get("/").text


@pytest.mark.parametrize("path", ["/nothing", "/orders/unknown"])
def test_what_is_not_there_is_answered_by_the_shops_own_page(customer: FlaskClient, path: str) -> None:
    missing = customer.get(path)
    assert missing.status_code == 404
    assert "We do not sell that" in missing.text
