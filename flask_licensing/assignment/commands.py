"""``assign-license-key``, ``assign-and-activate-license-key`` and ``random-assign-license-keys``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flask_licensing.activations.commands import REFUSED, print_verdict
from flask_licensing.assignment.methods import AssignmentMethods
from flask_licensing.core.cli import ID, command, json_option, print_json, print_lines

if TYPE_CHECKING:
    from collections.abc import Callable


def _owner_options(function: Callable[..., None]) -> Callable[..., None]:
    return click.option("--owner-name")(click.option("--owner-email", help="Any text.")(json_option(function)))


@command("assign-license-key")
@click.argument("license_key")
@_owner_options
def assign_license_key(license_key: str, owner_name: str | None, owner_email: str | None, *, as_json: bool) -> None:
    """Give an available license key to its owner."""
    verdict = AssignmentMethods().assign_license_key(license_key, owner_name=owner_name, owner_email=owner_email)
    print_verdict(verdict, as_json=as_json)


@command("assign-and-activate-license-key")
@click.argument("license_key")
@click.argument("identifier")
@_owner_options
def assign_and_activate_license_key(
    license_key: str, identifier: str, owner_name: str | None, owner_email: str | None, *, as_json: bool
) -> None:
    """Give an available license key to its owner and activate it for an identifier, or do neither."""
    verdict = AssignmentMethods().assign_and_activate_license_key(
        license_key, identifier, owner_name=owner_name, owner_email=owner_email
    )
    print_verdict(verdict, as_json=as_json)


@command("random-assign-license-keys")
@click.option("--product", "product_id", type=ID, required=True, help="The id of the product.")
@click.option("--quantity", type=int, default=1, show_default=True)
@click.option("--generate", is_flag=True, help="Make new license keys with the product's newest active generator.")
@_owner_options
def random_assign_license_keys(product_id: int, *, as_json: bool, **wanted: Any) -> None:
    """Give any available license keys of a product to an owner, and print them."""
    verdict = AssignmentMethods().random_assign_license_keys(product_id, **wanted)
    license_keys = [key.license_key for key in verdict.license_keys]
    if as_json:
        said = {"code": verdict.code.number, "message": verdict.code.message}
        print_json({**said, "available_quantity": verdict.available, "license_keys": license_keys})
    elif license_keys:
        print_lines(license_keys, if_none="")
    else:
        left = "" if verdict.available is None else f": {verdict.available} are available"
        click.echo(f"{verdict.code.number} {verdict.code.message}{left}")
    if not license_keys:
        raise click.exceptions.Exit(REFUSED)


COMMANDS = (assign_license_key, assign_and_activate_license_key, random_assign_license_keys)
