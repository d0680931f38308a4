"""``create-product`` and ``list-products``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from flask_licensing.cli.group import json_option, print_json, print_lines

if TYPE_CHECKING:
    from flask_licensing.cli.group import LicensingGroup
    from flask_licensing.extension import Licensing


def add_product_commands(group: LicensingGroup, licensing: Licensing) -> None:
    """Add the commands to the group."""

    @group.command("create-product")
    @click.argument("name")
    @json_option
    def create_product(name: str, *, as_json: bool) -> None:
        """Create a product that license keys are for."""
        product = licensing.create_product(name)
        if as_json:
            print_json(dataclasses.asdict(product))
        else:
            click.echo(f"Product {product.id}: {product.name}")

    @group.command("list-products")
    @json_option
    def list_products(*, as_json: bool) -> None:
        """List all products."""
        products = licensing.list_products()
        if as_json:
            print_json([dataclasses.asdict(product) for product in products])
        else:
            print_lines((f"{product.id}\t{product.name}" for product in products), if_none="There are no products.")
