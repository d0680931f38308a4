"""``assign-license-key`` and ``assign-and-activate-license-key``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flask_licensing.activations.commands import print_verdict
from flask_licensing.assignment.methods import AssignmentMethods
from flask_licensing.core.cli import command, json_option

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


COMMANDS = (assign_license_key, assign_and_activate_license_key)
