"""``create-license-keys``, and what lists, changes and deletes license keys."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TextIO

import click

from flask_licensing.core.cli import ID, command, json_option, print_json, print_json_list, print_lines
from flask_licensing.core.log_text import printable
from flask_licensing.license_keys.fields import MOST_ITEMS, has_invisible, invisible_sentence
from flask_licensing.license_keys.lines import read_plain_license_keys
from flask_licensing.license_keys.methods import LicenseKeyMethods
from flask_licensing.license_keys.store import LicenseKeyStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_licensing.license_keys.store import LicenseKey

STATUSES = [status.value for status in LicenseKeyStatus]

_TERMS_OPTIONS = (
    click.option("--activation-limit", type=int, default=0, show_default=True, help="0 is unlimited."),
    click.option("--validity", type=int, default=0, show_default=True, help="In days; 0 does not expire."),
    click.option(
        "--status",
        type=click.Choice(STATUSES),
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


@command("update-license-key")
@click.argument("license_key")
@click.option("--product", "product_id", type=ID, help="The id of another product.")
@click.option("--activation-limit", type=int, help="0 is unlimited.")
@click.option("--validity", type=int, help="In days; 0 does not expire.")
@click.option("--status", type=click.Choice(STATUSES))
@click.option("--owner-name")
@click.option("--owner-email")
@click.option("--assigned-at", help="YYYY-MM-DD HH:MM:SS in UTC, or ISO 8601 with an offset.")
@json_option
def update_license_key(license_key: str, *, as_json: bool, **changes: Any) -> None:
    """Change those terms of a license key that are given."""
    _print(LicenseKeyMethods().update_license_key(license_key, **changes), as_json=as_json)


@command("block-license-key")
@click.argument("license_key")
@json_option
def block_license_key(license_key: str, *, as_json: bool) -> None:
    """Refuse a license key from now on, and keep everything of it."""
    changed = LicenseKeyMethods().update_license_key(license_key, status=LicenseKeyStatus.BLOCKED)
    _print(changed, as_json=as_json)


@command("replace-license-key")
@click.argument("license_key")
@click.argument("new_license_key")
@json_option
def replace_license_key(license_key: str, new_license_key: str, *, as_json: bool) -> None:
    """Give a license key that leaked another text; its terms, owner and activations stay."""
    _print(LicenseKeyMethods().replace_license_key(license_key, new_license_key), as_json=as_json)


@command("delete-license-key")
@click.argument("license_key")
@json_option
def delete_license_key(license_key: str, *, as_json: bool) -> None:
    """Delete a license key with its activations."""
    deleted = LicenseKeyMethods().delete_license_key(license_key)
    if as_json:
        print_json({"deleted": deleted})
    else:
        click.echo("Deleted." if deleted else "There is no such license key.")


@command("list-license-keys")
@click.option("--product", "product_id", type=ID, help="By default any.")
@click.option("--status", type=click.Choice(STATUSES), help="By default any.")
@click.option("--owner-name", help="By default any.")
@click.option("--owner-email", help="By default any.")
@click.option("--after", type=click.IntRange(min=0), default=0, show_default=True, help="Those with greater ids.")
@click.option("--limit", type=click.IntRange(1, MOST_ITEMS), default=100, show_default=True)
@json_option
def list_license_keys(*, as_json: bool, **wanted: Any) -> None:
    """List license keys by id."""
    keys = LicenseKeyMethods().list_license_keys(**wanted)
    if as_json:
        print_json_list(map(_to_dict, keys))
    else:
        print_lines(map(_to_line, keys), if_none="There are no such license keys.")


@command("count-license-keys")
@click.option("--product", "product_id", type=ID, required=True, help="The id of the product.")
@json_option
def count_license_keys(product_id: int, *, as_json: bool) -> None:
    """Count the available license keys of a product."""
    count = LicenseKeyMethods().count_available_license_keys(product_id)
    if as_json:
        print_json({"available": count})
    else:
        click.echo(str(count))


def _print(key: LicenseKey, *, as_json: bool) -> None:
    if as_json:
        print_json(_to_dict(key))
    else:
        click.echo(_to_line(key))


def _to_dict(key: LicenseKey) -> dict[str, object]:
    terms = dataclasses.asdict(key.terms)
    return {"id": key.id, "license_key": key.license_key, **terms, "expires_at": key.expires_at}


def _to_line(key: LicenseKey) -> str:
    owner = printable(" ".join(filter(None, [key.terms.owner_name, key.terms.owner_email])) or "-")
    expires = f"expires {key.expires_at:%Y-%m-%d %H:%M:%S}" if key.expires_at else "does not expire"
    return "\t".join(
        [str(key.id), key.license_key, f"product {key.terms.product_id}", key.terms.status, owner, expires]
    )


COMMANDS = (
    create_license_keys,
    list_license_keys,
    count_license_keys,
    update_license_key,
    block_license_key,
    replace_license_key,
    delete_license_key,
)
