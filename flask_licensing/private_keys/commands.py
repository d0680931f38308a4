"""The commands that make, show, list, rotate and retire private keys."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from flask_licensing.core.cli import ID, command, json_option, print_json, print_lines
from flask_licensing.private_keys.methods import PrivateKeyMethods
from flask_licensing.private_keys.signing import PRIVATE_KEY_BITS

if TYPE_CHECKING:
    from flask_licensing.private_keys.versions import PrivateKeyInfo

_product_option = click.option(
    "--product", "product_id", type=ID, help="The id of a product; by default the global key."
)
_bits_option = click.option(
    "--bits", type=click.Choice([str(bits) for bits in PRIVATE_KEY_BITS]), help="The size of a new key."
)


@command("generate-private-key", works_without_private_keys=True)
@_product_option
@_bits_option
@click.option("--overwrite", is_flag=True, help="Replace a key that is there already.")
@click.option("--pending", is_flag=True, help="Make one that signs from the next rotate-private-key on.")
@json_option
def generate_private_key(
    product_id: int | None, bits: str | None, *, overwrite: bool, pending: bool, as_json: bool
) -> None:
    """Make an RSA private key where the private-key source looks for it."""
    size = int(bits) if bits else None
    file = PrivateKeyMethods().generate_private_key(product_id, bits=size, overwrite=overwrite, pending=pending)
    if as_json:
        print_json({"file": str(file)})
    else:
        click.echo(f"The private key is in {file}. Back it up; nobody else should read it.")


@command("show-public-key", works_without_private_keys=True)
@_product_option
@json_option
def show_public_key(product_id: int | None, *, as_json: bool) -> None:
    """Print the public key that verifies answers, as PEM."""
    pem = PrivateKeyMethods().public_key(product_id)
    if as_json:
        print_json({"public_key": pem})
    else:
        click.echo(pem, nl=False)


@command("rotate-private-key", works_without_private_keys=True)
@_product_option
@_bits_option
@json_option
def rotate_private_key(product_id: int | None, bits: str | None, *, as_json: bool) -> None:
    """Sign with the pending private key, or a new one, and keep the one before for verifying."""
    rotation = PrivateKeyMethods().rotate_private_key(product_id, bits=int(bits) if bits else None)
    if as_json:
        print_json(dataclasses.asdict(rotation))
        return
    click.echo(f"Signs from now on: {rotation.active.key_id}, {rotation.active.origin}.")
    for key in rotation.verify_only:
        click.echo(f"Verify-only: {key.key_id or 'a key that can not be read'}, {key.origin}.")


# One key id in 64 begins with a dash.
@command("retire-private-key", works_without_private_keys=True, context_settings={"ignore_unknown_options": True})
@click.argument("key_id")
@json_option
def retire_private_key(key_id: str, *, as_json: bool) -> None:
    """Stop publishing a private key that no longer signs; its file is kept."""
    retired = PrivateKeyMethods().retire_private_key(key_id)
    if as_json:
        print_json([dataclasses.asdict(key) for key in retired])
    else:
        click.echo("\n".join(f"Retired: {key.key_id}, {key.origin}." for key in retired))


@command("list-private-keys", works_without_private_keys=True)
@json_option
def list_private_keys(*, as_json: bool) -> None:
    """List all private keys, without showing them."""
    keys = PrivateKeyMethods().list_private_keys()
    if as_json:
        print_json([dataclasses.asdict(key) for key in keys])
    else:
        print_lines(map(_to_line, keys), if_none="There are no private keys.")


def _to_line(key: PrivateKeyInfo) -> str:
    owner = "global" if key.product_id is None else f"product {key.product_id}"
    state = f"{key.state}, signs" if key.signs else str(key.state)
    return f"{key.key_id or '-'}\t{owner}\t{state}\t{key.problem or key.origin}"


COMMANDS = (generate_private_key, rotate_private_key, retire_private_key, list_private_keys, show_public_key)
