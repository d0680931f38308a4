"""``sell-license-keys``, ``refund-order`` and ``renew-order``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from flask_licensing.core.cli import ID, command, json_option, print_json, print_lines
from flask_licensing.orders.methods import OrderMethods

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_licensing.license_keys.store import LicenseKey


@command("sell-license-keys")
@click.argument("order_id")
@click.option("--product", "product_id", type=ID, required=True, help="The product they are for.")
@click.option("--quantity", type=int, default=1, show_default=True, help="From 1 to 1000.")
@click.option("--owner-name", help="Any text.")
@click.option("--owner-email", help="Any text.")
@json_option
def sell_license_keys(
    order_id: str, product_id: int, quantity: int, owner_name: str | None, owner_email: str | None, *, as_json: bool
) -> None:
    """Give license keys to the buyer of an order, from stock or else new ones."""
    keys = OrderMethods().sell(
        product_id, order_id=order_id, owner_email=owner_email, owner_name=owner_name, quantity=quantity
    )
    _print(keys, as_json=as_json)


@command("refund-order")
@click.argument("order_id")
@json_option
def refund_order(order_id: str, *, as_json: bool) -> None:
    """Block the license keys of an order."""
    _print(OrderMethods().refund(order_id), as_json=as_json)


@command("renew-order")
@click.argument("order_id")
@click.option("--days", type=int, required=True, help="For how many days more.")
@click.option("--renewal", "renewal_id", help="The id of the payment; the same one counts once.")
@json_option
def renew_order(order_id: str, days: int, renewal_id: str | None, *, as_json: bool) -> None:
    """Lengthen the license keys of an order."""
    _print(OrderMethods().renew(order_id, days=days, renewal_id=renewal_id), as_json=as_json)


def _print(keys: Sequence[LicenseKey], *, as_json: bool) -> None:
    if as_json:
        print_json([dataclasses.asdict(key) | {"expires_at": key.expires_at} for key in keys])
    else:
        print_lines(map(_to_line, keys), if_none="There are no license keys left of this order.")


def _to_line(key: LicenseKey) -> str:
    expires = "never expires" if key.expires_at is None else f"expires {key.expires_at:%Y-%m-%d %H:%M:%S}"
    return "\t".join([str(key.id), key.license_key, f"product {key.terms.product_id}", key.terms.status.value, expires])


COMMANDS = (sell_license_keys, refund_order, renew_order)
