"""The shop itself: its orders, each with the license key that came with it, and the pages that customers see."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlalchemy.orm import Mapped, mapped_column, relationship

from example_app.extensions import db, licensing
from flask_licensing import IncorrectData
from flask_licensing.models import LicenseKey

if TYPE_CHECKING:
    from werkzeug import Response
    from werkzeug.exceptions import NotFound

LICENSE_KEY_CHARACTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Digits and capitals, without those that look alike."""

pages = Blueprint("pages", __name__)

DEVICES_PER_LICENSE_KEY = 3
VALIDITY_DAYS = 365


class Order(db.Model):  # type: ignore[name-defined, misc]  # Flask-SQLAlchemy makes the class at run time
    """One license key of one product, sold to one customer; ``number`` can't be guessed."""

    __tablename__ = "shop_orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(sa.String(32), unique=True)
    email: Mapped[str] = mapped_column(sa.String(255))
    license_key_id: Mapped[int] = mapped_column(sa.ForeignKey(LicenseKey.id))
    license_key: Mapped[LicenseKey] = relationship(LicenseKey)


def place_order(product_id: int, email: str) -> Order:
    """Store an order and its license key in one transaction and return the order.

    Raises:
        flask_licensing.IncorrectData: the product does not exist, or the e-mail address is missing or is not one.

    """
    if not email:
        raise IncorrectData({"email": ["The email field is required."]})
    license_key = _random_license_key()
    licensing.create_license_keys(
        [license_key],
        product_id=product_id,
        activation_limit=DEVICES_PER_LICENSE_KEY,
        validity=VALIDITY_DAYS,
        status="assigned",
        owner_email=email,
        commit=False,
    )
    sold = db.session.scalars(sa.select(LicenseKey).where(LicenseKey.license_key == license_key)).one()
    order = Order(number=secrets.token_urlsafe(16), email=email, license_key=sold)
    db.session.add(order)
    db.session.commit()
    return order


def find_order(number: str) -> Order | None:
    """Return the order with this number, or ``None``."""
    return db.session.scalars(sa.select(Order).where(Order.number == number)).one_or_none()


def _random_license_key() -> str:
    groups = ("".join(secrets.choice(LICENSE_KEY_CHARACTERS) for _ in range(5)) for _ in range(5))
    return "-".join(groups)


@pages.get("/")
def shop_window() -> str:
    """Show what is for sale."""
    return render_template("shop_window.html", products=licensing.list_products(), errors={})


@pages.post("/buy")
def buy() -> Response | tuple[str, int]:
    """Sell one license key; paying is left out."""
    product_id = request.form.get("product_id", type=int, default=0)
    try:
        order = place_order(product_id, request.form.get("email", "").strip())
    except IncorrectData as refused:
        return render_template("shop_window.html", products=licensing.list_products(), errors=refused.errors), 400
    return redirect(url_for("pages.show_order", number=order.number), 303)


@pages.get("/orders/<number>")
def show_order(number: str) -> str:
    """Show a customer the license key that was bought."""
    return render_template("order.html", order=find_order(number) or abort(404))


def page_not_found(_: NotFound) -> tuple[str, int]:
    """Answer what is not there, in the shop's own words."""
    return render_template("page_not_found.html"), 404
