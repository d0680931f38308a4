"""The webhooks of docs/selling.md do what they say, with webhooks of the services' forms."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_licensing import Licensing
from tests.code_blocks import code_blocks
from tests.programs import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask_licensing.hooks import LicenseKey

PAGE = PROJECT / "docs" / "selling.md"
SECRETS = {"stripe": "STRIPE_SECRET", "paddle": "PADDLE_SECRET", "lemon-squeezy": "LEMON_SQUEEZY_SECRET"}


class Shop:
    """The site of the page, in its app context."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.app: Flask = names["app"]
        self.licensing: Licensing = names["licensing"]
        self.outbox: list[tuple[str, list[str]]] = names["outbox"]
        with self.app.app_context():
            self.on_page = {key.id for key in self.licensing.list_license_keys()}

    def send(self, service: str, event: dict[str, Any], *, age: int = 0, secret: str | None = None) -> int:
        """Post a signed webhook; return the status of the answer."""
        body = json.dumps(event).encode()
        timestamp = str(int(time.time()) - age)
        signed = {"stripe": f"{timestamp}.", "paddle": f"{timestamp}:", "lemon-squeezy": ""}[service].encode() + body
        key = (secret or self.app.config[SECRETS[service]]).encode()
        signature = hmac.new(key, signed, hashlib.sha256).hexdigest()
        name, value = {
            "stripe": ("Stripe-Signature", f"t={timestamp},v1={'0' * 64},v1={signature},v0=x"),
            "paddle": ("Paddle-Signature", f"ts={timestamp};h1={signature}"),
            "lemon-squeezy": ("X-Signature", signature),
        }[service]
        headers = {name: value, "Content-Type": "application/json"}
        return self.app.test_client().post(f"/webhooks/{service}", data=body, headers=headers).status_code

    def sold(self) -> list[LicenseKey]:
        """The license keys that were sold after the page's own."""
        with self.app.app_context():
            return [key for key in self.licensing.list_license_keys() if key.id not in self.on_page]


@pytest.fixture
def shop() -> Iterator[Shop]:
    """The site that the page makes."""
    app = Flask("shop")
    app.config.update(SQLALCHEMY_DATABASE_URI="sqlite://", TESTING=False)
    db = SQLAlchemy()
    names: dict[str, Any] = {"app": app, "db": db, "licensing": Licensing(db=db), "__name__": "shop"}
    db.init_app(app)
    names["licensing"].init_app(app)
    with app.app_context():
        db.create_all()
    for block in code_blocks(PAGE, "python"):
        exec(compile(block, PAGE.name, "exec", dont_inherit=True), names)  # noqa: S102 - the examples are ours
    names["outbox"].clear()
    yield Shop(names)
    with app.app_context():
        db.engine.dispose()


def _stripe(kind: str, **paid: Any) -> dict[str, Any]:
    return {"type": kind, "data": {"object": paid}}


def _stripe_checkout(**changes: Any) -> dict[str, Any]:
    paid = {
        "payment_status": "paid",
        "metadata": {"price": "price_1A"},
        "subscription": None,
        "payment_intent": "pi_1",
        "customer_details": {"email": "zoe@example.org", "name": "Zoë"},
    }
    return _stripe("checkout.session.completed", **paid | changes)


def _paddle(kind: str, **paid: Any) -> dict[str, Any]:
    return {"event_type": kind, "data": paid}


def _paddle_transaction(origin: str, number: str) -> dict[str, Any]:
    return _paddle(
        "transaction.completed",
        id=number,
        origin=origin,
        subscription_id="sub_1",
        items=[{"price": {"product_id": "pro_01h"}, "quantity": 1}],
        custom_data={"email": "zoe@example.org"},
    )


def _lemon(kind: str, number: str, **paid: Any) -> dict[str, Any]:
    return {"meta": {"event_name": kind}, "data": {"id": number, "attributes": paid}}


SERVICES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "stripe": (
        _stripe_checkout(subscription="sub_1", payment_intent=None),
        _stripe(
            "invoice.paid",
            id="in_2",
            billing_reason="subscription_cycle",
            parent={"subscription_details": {"subscription": "sub_1"}},
        ),
        _stripe("charge.refunded", refunded=True, payment_intent="sub_1"),
    ),
    "paddle": (
        _paddle_transaction("web", "txn_1"),
        _paddle_transaction("subscription_recurring", "txn_2"),
        _paddle(
            "adjustment.updated",
            action="refund",
            type="full",
            status="approved",
            subscription_id="sub_1",
            transaction_id="txn_1",
        ),
    ),
    "lemon-squeezy": (
        _lemon(
            "order_created",
            "1",
            status="paid",
            first_order_item={"product_id": 4711},
            user_email="zoe@example.org",
            user_name="Zoë",
        ),
        _lemon("subscription_payment_success", "22", billing_reason="renewal", subscription_id=5),
        _lemon("order_refunded", "1"),
    ),
}
"""Of each service a paid order, a renewal of it, and its refund."""


@pytest.mark.parametrize("service", SERVICES)
def test_each_webhook_has_its_effect_once_however_often_it_comes(shop: Shop, service: str) -> None:
    order, renewal, refund = SERVICES[service]
    assert [shop.send(service, order) for _ in range(3)] == [200, 200, 200]
    if service == "lemon-squeezy":
        assert shop.send(service, _lemon("subscription_created", "5", order_id=1)) == 200
    (key,) = shop.sold()
    assert (key.terms.status, key.terms.owner_email, key.terms.validity) == ("assigned", "zoe@example.org", 365)
    assert shop.outbox == [("zoe@example.org", [key.license_key])]
    assert [shop.send(service, renewal) for _ in range(2)] == [200, 200]
    assert [one.terms.validity for one in shop.sold()] == [730]
    assert [shop.send(service, refund) for _ in range(2)] == [200, 200]
    assert [one.terms.status for one in shop.sold()] == ["blocked"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_webhook_that_the_service_did_not_sign_has_no_effect(shop: Shop, service: str) -> None:
    order = SERVICES[service][0]
    assert shop.send(service, order, secret="another") == 400
    assert shop.app.test_client().post(f"/webhooks/{service}", json=order).status_code == 400
    if service != "lemon-squeezy":
        assert shop.send(service, order, age=301) == 400
    assert shop.sold() == []


def test_a_payment_that_is_still_on_its_way_sells_nothing_yet(shop: Shop) -> None:
    assert shop.send("stripe", _stripe_checkout(payment_status="unpaid")) == 200
    assert shop.sold() == []
    assert shop.send("stripe", _stripe_checkout() | {"type": "checkout.session.async_payment_succeeded"}) == 200
    assert len(shop.sold()) == 1


def test_a_refund_of_a_part_blocks_nothing(shop: Shop) -> None:
    shop.send("stripe", _stripe_checkout())
    assert shop.send("stripe", _stripe("charge.refunded", refunded=False, payment_intent="pi_1")) == 200
    assert [key.terms.status for key in shop.sold()] == ["assigned"]


def test_a_renewal_that_comes_before_its_order_is_asked_for_again(shop: Shop) -> None:
    order, renewal, _ = SERVICES["paddle"]
    assert shop.send("paddle", renewal) == 500
    assert shop.send("paddle", order) == 200
    assert shop.send("paddle", renewal) == 200
    assert [key.terms.validity for key in shop.sold()] == [730]
