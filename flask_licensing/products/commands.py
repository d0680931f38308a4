"""``create-product``, ``update-product``, ``delete-product`` and ``list-products``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from flask_licensing.core.cli import ID, command, json_option, print_json, print_lines
from flask_licensing.products.methods import ProductMethods
from flask_licensing.products.store import ProductSource, ProductStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_licensing.products.store import Product

_DETAILS_OPTIONS = (
    click.option("--description"),
    click.option("--source", type=click.Choice([source.value for source in ProductSource])),
    click.option("--status", type=click.Choice([status.value for status in ProductStatus])),
    click.option("--external-reference", help="What the product is called elsewhere."),
    click.option("--require-non-expired/--no-require-non-expired", default=None, help="Kept for clients."),
)


def _details_options(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_DETAILS_OPTIONS):
        function = option(function)
    return function


@command("create-product")
@click.argument("name")
@_details_options
@json_option
def create_product(name: str, *, as_json: bool, **details: Any) -> None:
    """Create a product that license keys are for."""
    _print(ProductMethods().create_product(name, **details), as_json=as_json)


@command("update-product")
@click.argument("product_id", type=ID)
@click.option("--name")
@_details_options
@json_option
def update_product(product_id: int, *, as_json: bool, **changes: Any) -> None:
    """Change what is given of a product; an inactive one refuses its license keys."""
    _print(ProductMethods().update_product(product_id, **changes), as_json=as_json)


@command("delete-product")
@click.argument("product_id", type=ID)
@json_option
def delete_product(product_id: int, *, as_json: bool) -> None:
    """Delete a product that has no license keys."""
    deleted = ProductMethods().delete_product(product_id)
    if as_json:
        print_json({"deleted": deleted})
    else:
        click.echo("Deleted." if deleted else "There is no such product.")


@command("list-products")
@json_option
def list_products(*, as_json: bool) -> None:
    """List all products."""
    products = ProductMethods().list_products()
    if as_json:
        print_json([dataclasses.asdict(product) for product in products])
    else:
        print_lines(map(_to_line, products), if_none="There are no products.")


def _print(product: Product, *, as_json: bool) -> None:
    if as_json:
        print_json(dataclasses.asdict(product))
    else:
        click.echo(f"Product {product.id}: {product.name}")


def _to_line(product: Product) -> str:
    return "\t".join([str(product.id), product.name, *([] if product.is_active else [product.status])])


COMMANDS = (create_product, update_product, delete_product, list_products)
