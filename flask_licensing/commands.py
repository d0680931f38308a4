"""The group of all ``flask licensing`` commands, and those that belong to no feature."""

from __future__ import annotations

import dataclasses
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from flask_licensing.checks import run_checks
from flask_licensing.core.cli import ID, LicensingGroup, command, json_option, print_json
from flask_licensing.core.state import current_state
from flask_licensing.verification import (
    LicenseFileError,
    MalformedEnvelope,
    MalformedLicenseFile,
    PublicKeyError,
    VerificationError,
    verify_license_file,
    verify_response,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flask_licensing.http.feature import Feature

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
    with _telling_what_is_wrong("answer", as_json=as_json):
        verified = verify_response(_read(response), _read(public_key), max_age=max_age)
    if as_json:
        print_json({"valid": True, "response": verified.response})
    else:
        click.echo(f"Valid: {json.dumps(verified.response)}")


@command("verify-license-file", needs_app=False)
@click.argument("license_file")
@click.option("--public-key", required=True, help="A file with the public key as PEM, or with a JWKS.")
@click.option("--product", "product_id", type=ID, required=True, help="The id of the product that asks.")
@click.option("--identifier", required=True, help="The identifier that the license key was activated with.")
@json_option
def verify_file(license_file: str, public_key: str, product_id: int, identifier: str, *, as_json: bool) -> None:
    """Verify a license file, as a program does without a network; “-” is standard input.

    The exit code is 0 where it licenses the product, 1 where it does not, 2 where it could not be checked.
    """
    with _telling_what_is_wrong("license file", as_json=as_json):
        verified = verify_license_file(
            _read(license_file), _read(public_key), product_id=product_id, identifier=identifier
        )
    if as_json:
        print_json({"valid": True, **dataclasses.asdict(verified)})
    else:
        click.echo(f"Valid until {verified.lease_ends_at} UTC: {verified.license_key}")


@contextmanager
def _telling_what_is_wrong(thing: str, *, as_json: bool) -> Iterator[None]:
    """End with the exit code that tells what is not valid from what could not be checked."""
    try:
        yield
    except OSError as error:
        _fail(
            EXIT_NOT_CHECKED, f"The {thing} could not be checked: {error.filename}: {error.strerror}.", as_json=as_json
        )
    except (MalformedEnvelope, MalformedLicenseFile, PublicKeyError) as error:
        _fail(EXIT_NOT_CHECKED, f"The {thing} could not be checked: {error}", as_json=as_json)
    except (VerificationError, LicenseFileError) as error:
        _fail(EXIT_NOT_VALID, f"The {thing} is not valid: {error}", as_json=as_json)


def _read(file: str) -> bytes:
    with click.open_file(file, "rb") as stream:
        content: bytes = stream.read()
    return content


def _fail(exit_code: int, message: str, *, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"valid": False if exit_code == EXIT_NOT_VALID else None, "error": message})
    else:
        click.echo(f"Error: {message}", err=True)
    raise click.exceptions.Exit(exit_code)


@command("openapi", works_without_private_keys=True)
def openapi() -> None:
    """Print the description of the API, as OpenAPI 3.1."""
    state = current_state()
    click.echo(json.dumps(state.describe_api(state.settings.url_prefix), indent=2))


@command("check", works_without_private_keys=True)
@json_option
def check(*, as_json: bool) -> None:
    """Check settings, tables, keys and a trial signature; the exit code is 0 where all is well."""
    results = run_checks(current_state())
    if as_json:
        print_json([dataclasses.asdict(result) for result in results])
    else:
        for result in results:
            click.echo(f"{'ok' if result.ok else 'FAILED':<7} {result.name}: {result.message}")
    if not all(result.ok for result in results):
        raise click.exceptions.Exit(1)


def create_commands(features: Iterable[Feature]) -> LicensingGroup:
    """Return the group of all commands."""
    commands = [*(command for feature in features for command in feature.commands), verify, verify_file, openapi, check]
    return LicensingGroup("licensing", commands=commands, help="License keys, API keys, products and private keys.")
