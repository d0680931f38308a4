"""The ``flask licensing`` commands, one module per resource: thin skins over the methods of the extension."""

from __future__ import annotations

from flask_licensing.cli import (
    api_keys,
    checks,
    description,
    inventory,
    license_keys,
    private_keys,
    products,
    records,
    responses,
)
from flask_licensing.cli.group import LicensingGroup

MODULES = (
    private_keys,
    products,
    api_keys,
    license_keys,
    inventory,
    records,
    responses,
    description,
    checks,
)


def create_commands() -> LicensingGroup:
    """Return the group of all commands."""
    commands = [command for module in MODULES for command in module.COMMANDS]
    return LicensingGroup("licensing", commands=commands, help="License keys, API keys, products and private keys.")
