"""``create-generator``, ``update-generator``, ``list-generators`` and ``generate-license-keys``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from flask_licensing.core.cli import ID, command, json_option, print_json, print_lines
from flask_licensing.generators.methods import GeneratorMethods
from flask_licensing.generators.store import GeneratorMethod

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_licensing.generators.store import Generator

_OPTIONS = (
    click.option("--prefix", help="What each license key begins with."),
    click.option("--suffix", help="What each license key ends with."),
    click.option("--number-of-chunks", type=int, help="Of chunk-system and readable; 4 by default."),
    click.option("--chunk-length", type=int, help="Of chunk-system and readable; 4 by default."),
    click.option("--charset", help="The characters of chunk-system; hexadecimal digits by default."),
    click.option("--function-name", help="Of custom: a name in LICENSING_LICENSE_KEY_GENERATORS."),
)


def _described(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return json_option(function)


@command("create-generator")
@click.argument("method", type=click.Choice([method.value for method in GeneratorMethod]))
@click.option("--product", "product_id", type=ID, required=True, help="The product it is for.")
@click.option("--activation-limit", type=int, default=0, show_default=True, help="0 is unlimited.")
@click.option("--validity", type=int, default=0, show_default=True, help="Days; 0 does not expire.")
@click.option("--inactive", is_flag=True, help="Not to be used yet.")
@_described
def create_generator(method: str, product_id: int, *, inactive: bool, as_json: bool, **given: Any) -> None:
    """Make a generator of license keys for a product."""
    _print(GeneratorMethods().create_generator(product_id, method, active=not inactive, **given), as_json=as_json)


@command("update-generator")
@click.argument("generator_id", type=ID)
@click.option("--activation-limit", type=int, help="0 is unlimited.")
@click.option("--validity", type=int, help="Days; 0 does not expire.")
@click.option("--active/--inactive", default=None, help="Whether it is used.")
@_described
def update_generator(generator_id: int, *, as_json: bool, **given: Any) -> None:
    """Change a generator, or take it out of use; license keys that it made stay as they are."""
    _print(GeneratorMethods().update_generator(generator_id, **given), as_json=as_json)


@command("list-generators")
@json_option
def list_generators(*, as_json: bool) -> None:
    """List all generators."""
    generators = GeneratorMethods().list_generators()
    if as_json:
        print_json([dataclasses.asdict(generator) for generator in generators])
    else:
        print_lines(map(_to_line, generators), if_none="There are no generators.")


@command("generate-license-keys")
@click.argument("generator_id", type=ID)
@click.option("--quantity", type=int, default=1, show_default=True, help="From 1 to 1000.")
@json_option
def generate_license_keys(generator_id: int, quantity: int, *, as_json: bool) -> None:
    """Generate license keys and store them, available."""
    keys = [key.license_key for key in GeneratorMethods().generate_license_keys(generator_id, quantity)]
    if as_json:
        print_json(keys)
    else:
        print_lines(keys, if_none="")


def _print(generator: Generator, *, as_json: bool) -> None:
    if as_json:
        print_json(dataclasses.asdict(generator))
    else:
        click.echo(_to_line(generator))


def _to_line(generator: Generator) -> str:
    return "\t".join(
        [
            str(generator.id),
            f"product {generator.product_id}",
            generator.method.value,
            "active" if generator.active else "inactive",
            f"activation limit {generator.activation_limit}",
            f"validity {generator.validity}",
        ]
    )


COMMANDS = (create_generator, update_generator, list_generators, generate_license_keys)
