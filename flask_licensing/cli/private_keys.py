"""``generate-private-key`` and ``show-public-key``."""

from __future__ import annotations

import click

from flask_licensing.cli.group import ID, command, json_option, print_json
from flask_licensing.key_management import PrivateKeyMethods

product_option = click.option(
    "--product", "product_id", type=ID, help="The id of a product; by default the global key."
)


@command("generate-private-key", works_without_keys=True)
@product_option
@click.option("--overwrite", is_flag=True, help="Replace a key that is there already.")
@click.option("--pending", is_flag=True, help="Make one that signs from the next rotate-private-key on.")
@json_option
def generate_private_key(product_id: int | None, *, overwrite: bool, pending: bool, as_json: bool) -> None:
    """Make an RSA private key where the private-key source looks for it."""
    file = PrivateKeyMethods().generate_private_key(product_id, overwrite=overwrite, pending=pending)
    if as_json:
        print_json({"file": str(file)})
    else:
        click.echo(f"The private key is in {file}. Back it up; nobody else should read it.")


@command("show-public-key", works_without_keys=True)
@product_option
@json_option
def show_public_key(product_id: int | None, *, as_json: bool) -> None:
    """Print the public key that verifies answers, as PEM."""
    pem = PrivateKeyMethods().public_key(product_id)
    if as_json:
        print_json({"public_key": pem})
    else:
        click.echo(pem, nl=False)


COMMANDS = (generate_private_key, show_public_key)
