"""``verify-license-key``, ``activate-license-key``, ``deactivate-license-key`` and what tells of activations."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from flask_licensing.activations.methods import ActivationMethods
from flask_licensing.core.cli import command, json_option, print_json, print_lines
from flask_licensing.core.log_text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_licensing.activations.service import Verdict
    from flask_licensing.activations.store import Activation

REFUSED = 1
"""The exit code of a command that was answered with a refusal."""


def _question(function: Callable[..., None]) -> Callable[..., None]:
    return click.argument("license_key")(click.argument("identifier")(json_option(function)))


def print_verdict(verdict: Verdict, *, as_json: bool) -> None:
    """Print an answer about a license key, and end with 1 where it is a refusal: no code of those ends in 00."""
    if as_json:
        print_json({"code": verdict.code.number, "message": verdict.code.message})
    else:
        click.echo(f"{verdict.code.number} {verdict.code.message}")
    if verdict.code.number % 100:
        raise click.exceptions.Exit(REFUSED)


@command("verify-license-key")
@_question
def verify_license_key(license_key: str, identifier: str, *, as_json: bool) -> None:
    """Say whether a license key is valid for an identifier."""
    print_verdict(ActivationMethods().verify(license_key, identifier), as_json=as_json)


@command("activate-license-key")
@_question
def activate_license_key(license_key: str, identifier: str, *, as_json: bool) -> None:
    """Activate a license key for an identifier."""
    print_verdict(ActivationMethods().activate(license_key, identifier), as_json=as_json)


@command("deactivate-license-key")
@_question
def deactivate_license_key(license_key: str, identifier: str, *, as_json: bool) -> None:
    """End the activation of a license key by an identifier."""
    print_verdict(ActivationMethods().deactivate(license_key, identifier), as_json=as_json)


@command("explain-license-key")
@_question
def explain_license_key(license_key: str, identifier: str, *, as_json: bool) -> None:
    """Say why a license key is or is not valid, and what would make it valid."""
    explanation = ActivationMethods().explain(license_key, identifier)
    if as_json:
        print_json(dataclasses.asdict(explanation))
        return
    click.echo(f"{explanation.code} {explanation.message}")
    for condition in explanation.conditions:
        value = "" if condition.value is None else f": {condition.value}"
        click.echo(f"{'yes' if condition.holds else 'no'}\t{condition.name}{value}\t{condition.remedy or ''}".rstrip())


@command("list-activations")
@click.argument("license_key")
@json_option
def list_activations(license_key: str, *, as_json: bool) -> None:
    """List the activations of a license key, active or not."""
    activations = ActivationMethods().list_activations(license_key)
    if as_json:
        print_json([dataclasses.asdict(activation) for activation in activations])
    else:
        print_lines(map(_to_line, activations), if_none="There are no activations.")


@command("release-activation")
@_question
def release_activation(license_key: str, identifier: str, *, as_json: bool) -> None:
    """Free the place of a machine that is gone."""
    released = ActivationMethods().release_activation(license_key, identifier)
    if as_json:
        print_json({"released": released})
    else:
        click.echo("Released." if released else "There is no such activation.")


def _to_line(activation: Activation) -> str:
    return "\t".join(
        [
            printable(activation.identifier),
            "active" if activation.active else "ended",
            f"first seen {activation.first_seen_at:%Y-%m-%d %H:%M:%S}",
            f"last seen {activation.last_seen_at:%Y-%m-%d %H:%M:%S}",
            activation.remote_address or "-",
            activation.user_agent or "-",
        ]
    )


COMMANDS = (
    verify_license_key,
    activate_license_key,
    deactivate_license_key,
    explain_license_key,
    list_activations,
    release_activation,
)
