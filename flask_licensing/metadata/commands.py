"""The commands that change and list the metadata of license keys and products."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from flask_licensing.core.cli import ID, command, json_option, print_json, print_lines
from flask_licensing.metadata.methods import MetadataMethods
from flask_licensing.metadata.service import CHANGES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask_licensing.core.metadata import Metadata
    from flask_licensing.metadata.service import MetadataVerdict

REFUSED = 1
"""The exit code of a command that was answered with a refusal."""

_DONE = {change.done for change in CHANGES}


def _arguments(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the arguments of a change to a command, which prints what is answered, and ``--json``."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        function = json_option(function)
        if "value" in names:
            function = click.option("--json-value", is_flag=True, help="The value is JSON, not text.")(function)
        for name in reversed(names):
            function = click.argument(name, type=ID if name == "product_id" else str)(function)
        return function

    return decorate


def _value(value: str, *, json_value: bool) -> Any:
    if not json_value:
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="VALUE") from error


def _print_verdict(verdict: MetadataVerdict, *, as_json: bool) -> None:
    if as_json:
        print_json({"code": verdict.code.number, "message": verdict.code.message})
    else:
        click.echo(f"{verdict.code.number} {verdict.code.message}")
    if verdict.code not in _DONE:
        raise click.exceptions.Exit(REFUSED)


def _print_metadata(metadata: Sequence[Metadata], *, as_json: bool) -> None:
    if as_json:
        print_json([dataclasses.asdict(one) for one in metadata])
    else:
        print_lines((f"{one.key}\t{json.dumps(one.value)}" for one in metadata), if_none="There is no metadata.")


@command("create-license-key-meta")
@_arguments("license_key", "identifier", "key", "value")
def create_license_key_meta(
    license_key: str, identifier: str, key: str, value: str, *, json_value: bool, as_json: bool
) -> None:
    """Keep a value with a license key."""
    kept = _value(value, json_value=json_value)
    _print_verdict(MetadataMethods().create_license_key_meta(license_key, identifier, key, kept), as_json=as_json)


@command("update-license-key-meta")
@_arguments("license_key", "identifier", "key", "value")
def update_license_key_meta(
    license_key: str, identifier: str, key: str, value: str, *, json_value: bool, as_json: bool
) -> None:
    """Change a value that is kept with a license key."""
    kept = _value(value, json_value=json_value)
    _print_verdict(MetadataMethods().update_license_key_meta(license_key, identifier, key, kept), as_json=as_json)


@command("delete-license-key-meta")
@_arguments("license_key", "identifier", "key")
def delete_license_key_meta(license_key: str, identifier: str, key: str, *, as_json: bool) -> None:
    """Delete a value that is kept with a license key."""
    _print_verdict(MetadataMethods().delete_license_key_meta(license_key, identifier, key), as_json=as_json)


@command("list-license-key-meta")
@_arguments("license_key")
def list_license_key_meta(license_key: str, *, as_json: bool) -> None:
    """List what is kept with a license key."""
    _print_metadata(MetadataMethods().list_license_key_meta(license_key), as_json=as_json)


@command("create-product-meta")
@_arguments("product_id", "key", "value")
def create_product_meta(product_id: int, key: str, value: str, *, json_value: bool, as_json: bool) -> None:
    """Keep a value with a product."""
    kept = _value(value, json_value=json_value)
    _print_verdict(MetadataMethods().create_product_meta(product_id, key, kept), as_json=as_json)


@command("update-product-meta")
@_arguments("product_id", "key", "value")
def update_product_meta(product_id: int, key: str, value: str, *, json_value: bool, as_json: bool) -> None:
    """Change a value that is kept with a product."""
    kept = _value(value, json_value=json_value)
    _print_verdict(MetadataMethods().update_product_meta(product_id, key, kept), as_json=as_json)


@command("delete-product-meta")
@_arguments("product_id", "key")
def delete_product_meta(product_id: int, key: str, *, as_json: bool) -> None:
    """Delete a value that is kept with a product."""
    _print_verdict(MetadataMethods().delete_product_meta(product_id, key), as_json=as_json)


@command("list-product-meta")
@_arguments("product_id")
def list_product_meta(product_id: int, *, as_json: bool) -> None:
    """List what is kept with a product."""
    _print_metadata(MetadataMethods().list_product_meta(product_id), as_json=as_json)


COMMANDS = (
    create_license_key_meta,
    update_license_key_meta,
    delete_license_key_meta,
    list_license_key_meta,
    create_product_meta,
    update_product_meta,
    delete_product_meta,
    list_product_meta,
)
