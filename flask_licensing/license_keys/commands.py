"""``create-license-keys``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TextIO

import click

from flask_licensing.core.cli import ID, command, json_option, print_json
from flask_licensing.license_keys.fields import has_invisible, invisible_sentence
from flask_licensing.license_keys.lines import read_plain_license_keys
from flask_licensing.license_keys.methods import LicenseKeyMethods
from flask_licensing.license_keys.store import LicenseKeyStatus

if TYPE_CHECKING:
    from collections.abc import Callable


_TERMS_OPTIONS = (
    click.option("--activation-limit", type=int, default=0, show_default=True, help="0 is unlimited."),
    click.option("--validity", type=int, default=0, show_default=True, help="In days; 0 does not expire."),
    click.option(
        "--status",
        type=click.Choice([status.value for status in LicenseKeyStatus]),
        default=LicenseKeyStatus.AVAILABLE.value,
        show_default=True,
    ),
    click.option("--owner-name"),
    click.option("--owner-email"),
    click.option("--assigned-at", help="YYYY-MM-DD HH:MM:SS in UTC, or ISO 8601 with an offset."),
)


def terms_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for the terms of license keys, with their defaults, to a command."""
    for option in reversed(_TERMS_OPTIONS):
        command = option(command)
    return command


@command("create-license-keys")
@click.argument("license_keys", nargs=-1)
@click.option(
    "--file", type=click.File(encoding="utf-8"), help="A file with one license key a line; “-” is standard input."
)
@click.option("--product", "product_id", type=ID, required=True, help="The id of the product.")
@terms_options
@json_option
def create_license_keys(license_keys: tuple[str, ...], file: TextIO | None, *, as_json: bool, **terms: Any) -> None:
    """Create license keys, given as arguments or in a file; those that are there already are counted."""
    all_license_keys = [*license_keys, *(read_plain_license_keys(file) if file else [])]
    result = LicenseKeyMethods().create_license_keys(all_license_keys, **terms)
    if invisible := sum(map(has_invisible, map(str.strip, all_license_keys))):
        click.echo(invisible_sentence(invisible), err=True)
    if as_json:
        print_json(dataclasses.asdict(result))
    else:
        click.echo(f"{result.created} created, {result.duplicate} there already.")


COMMANDS = (create_license_keys,)
