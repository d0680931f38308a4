"""``create-api-key``, ``list-api-keys`` and ``revoke-api-key``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from flask_licensing.api_keys.methods import ApiKeyMethods
from flask_licensing.core.cli import ID, command, json_option, print_json, print_lines

if TYPE_CHECKING:
    from datetime import datetime

    from flask_licensing.api_keys.store import ApiKey


@command("create-api-key")
@click.argument("name")
@click.option("--capability", "capabilities", multiple=True, help="An endpoint it may call; by default all.")
@click.option("--allow", "allowed_ips", multiple=True, help="An IP address or network; by default all.")
@click.option("--expires-at", type=click.DateTime(), help="When it ends, in UTC; by default never.")
@json_option
def create_api_key(
    name: str,
    capabilities: tuple[str, ...],
    allowed_ips: tuple[str, ...],
    expires_at: datetime | None,
    *,
    as_json: bool,
) -> None:
    """Create an API key and print it, this once."""
    created = ApiKeyMethods().create_api_key(
        name, capabilities=capabilities or None, allowed_ips=allowed_ips or None, expires_at=expires_at
    )
    if as_json:
        print_json({**_to_dict(created.api_key), "secret": created.secret})
    else:
        click.echo(f"API key {created.api_key.id} for {name}. It is shown this once:", err=True)
        click.echo(created.secret)


@command("list-api-keys")
@json_option
def list_api_keys(*, as_json: bool) -> None:
    """List all API keys, without their secrets."""
    api_keys = ApiKeyMethods().list_api_keys()
    if as_json:
        print_json([_to_dict(api_key) for api_key in api_keys])
    else:
        print_lines(map(_to_line, api_keys), if_none="There are no API keys.")


@command("revoke-api-key")
@click.argument("api_key_id", type=ID)
def revoke_api_key(api_key_id: int) -> None:
    """Make an API key inactive, for good."""
    if not ApiKeyMethods().revoke_api_key(api_key_id):
        raise click.ClickException(f"There is no API key {api_key_id}.")
    click.echo(f"API key {api_key_id} is inactive.")


def _to_dict(api_key: ApiKey) -> dict[str, object]:
    return {member.name: getattr(api_key, member.name) for member in dataclasses.fields(api_key)}


def _to_line(api_key: ApiKey) -> str:
    state = "active" if api_key.active else "revoked"
    may_call = (
        "every endpoint" if api_key.capabilities is None else ", ".join(sorted(api_key.capabilities)) or "nothing"
    )
    used = f"last used {api_key.last_used_at:%Y-%m-%d %H:%M} UTC" if api_key.last_used_at else "never used"
    return f"{api_key.id}\t{api_key.name}\t{state}\t{may_call}\t{used}"


COMMANDS = (create_api_key, list_api_keys, revoke_api_key)
