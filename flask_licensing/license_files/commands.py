"""``create-license-file``."""

from __future__ import annotations

import click

from flask_licensing.activations.commands import REFUSED
from flask_licensing.core.cli import command, json_option, print_json
from flask_licensing.license_files.methods import LicenseFileMethods


@command("create-license-file")
@click.argument("license_key")
@click.argument("identifier")
@json_option
def create_license_file(license_key: str, identifier: str, *, as_json: bool) -> None:
    """Print a license file, with which a program runs without a network for some days."""
    result = LicenseFileMethods().create_license_file(license_key, identifier)
    if as_json:
        code, message = result.code.number, result.code.message
        print_json({"code": code, "message": message, "license_file": result.license_file})
    elif result.license_file is not None:
        click.echo(result.license_file)
    else:
        click.echo(f"{result.code.number} {result.code.message}", err=True)
    if result.license_file is None:
        raise click.exceptions.Exit(REFUSED)


COMMANDS = (create_license_file,)
