"""``verify-response``."""

from __future__ import annotations

import json
from typing import NoReturn

import click

from flask_licensing.cli.group import command, json_option, print_json
from flask_licensing.verification import MalformedEnvelope, PublicKeyError, VerificationError, verify_response

EXIT_NOT_VALID = 1
EXIT_NOT_CHECKED = 2
"""Also click's own for wrong arguments: in both cases nothing is said about the answer."""


@command("verify-response", needs_app=False)
@click.argument("response")
@click.option("--public-key", required=True, help="A file with the public key as PEM, or with a JWKS.")
@click.option("--max-age", type=float, metavar="SECONDS", help="How long ago the answer may have been signed.")
@json_option
def verify(response: str, public_key: str, *, max_age: float | None, as_json: bool) -> None:
    """Verify a saved answer; “-” is standard input.

    The exit code is 0 where the answer can be trusted, 1 where it can't, 2 where it could not be checked.
    """
    try:
        verified = verify_response(_read(response), _read(public_key), max_age=max_age)
    except OSError as error:
        _fail(EXIT_NOT_CHECKED, f"could not be checked: {error.filename}: {error.strerror}.", as_json=as_json)
    except (MalformedEnvelope, PublicKeyError) as error:
        _fail(EXIT_NOT_CHECKED, f"could not be checked: {error}", as_json=as_json)
    except VerificationError as error:
        _fail(EXIT_NOT_VALID, f"is not valid: {error}", as_json=as_json)
    if as_json:
        print_json({"valid": True, "response": verified.response})
    else:
        click.echo(f"Valid: {json.dumps(verified.response)}")


def _read(file: str) -> bytes:
    with click.open_file(file, "rb") as stream:
        content: bytes = stream.read()
    return content


def _fail(exit_code: int, reason: str, *, as_json: bool) -> NoReturn:
    message = f"The answer {reason}"
    if as_json:
        print_json({"valid": False if exit_code == EXIT_NOT_VALID else None, "error": message})
    else:
        click.echo(f"Error: {message}", err=True)
    raise click.exceptions.Exit(exit_code)


COMMANDS = (verify,)
