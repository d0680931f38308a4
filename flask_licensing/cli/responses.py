"""``verify-response``."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import click

from flask_licensing.cli.group import json_option, print_json
from flask_licensing.verification import VerificationError, verify_response

if TYPE_CHECKING:
    from flask_licensing.cli.group import LicensingGroup


def add_response_commands(group: LicensingGroup) -> None:
    """Add the command to the group."""

    @group.command("verify-response", with_appcontext=False)
    @click.argument("response", type=click.File("rb"))
    @click.option("--public-key", type=click.File("rb"), required=True, help="A file with the public key as PEM.")
    @json_option
    def verify(response: BinaryIO, public_key: BinaryIO, *, as_json: bool) -> None:
        """Verify a saved answer; “-” is standard input. The exit code is 0 where it can be trusted."""
        try:
            verified = verify_response(response.read(), public_key.read())
        except VerificationError as error:
            if as_json:
                print_json({"valid": False, "error": str(error)})
                raise click.exceptions.Exit(1) from error
            raise
        if as_json:
            print_json({"valid": True, "response": verified.response})
        else:
            click.echo(f"Valid, signed with the {verified.private_key_used} key: {verified.response}")
