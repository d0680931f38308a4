"""What customers see: the shop window, an order, and a page for what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, abort, redirect, render_template, request, url_for

from example_app.extensions import licensing
from example_app.orders import find_order, place_order
from flask_licensing import IncorrectData

if TYPE_CHECKING:
    from werkzeug import Response
    from werkzeug.exceptions import NotFound

pages = Blueprint("pages", __name__)


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
