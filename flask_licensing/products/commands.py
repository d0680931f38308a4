"""``create-product`` and ``list-products``."""

from __future__ import annotations

import dataclasses

import click

from flask_licensing.core.cli import command, json_option, print_json, print_lines
from flask_licensing.products.methods import ProductMethods


@command("create-product")
@click.argument("name")
@json_option
def create_product(name: str, *, as_json: bool) -> None:
    """Create a product that license keys are for."""
    product = ProductMethods().create_product(name)
    if as_json:
        print_json(dataclasses.asdict(product))
    else:
        click.echo(f"Product {product.id}: {product.name}")


@command("list-products")
@json_option
def list_products(*, as_json: bool) -> None:
    """List all products."""
    products = ProductMethods().list_products()
    if as_json:
        print_json([dataclasses.asdict(product) for product in products])
    else:
        print_lines((f"{product.id}\t{product.name}" for product in products), if_none="There are no products.")


COMMANDS = (create_product, list_products)
