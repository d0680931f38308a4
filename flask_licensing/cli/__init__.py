"""The ``flask licensing`` commands, one module per resource: thin skins over the methods of the extension."""

from __future__ import annotations

from flask_licensing import commands
from flask_licensing.cli import api_keys, inventory, license_keys, private_keys, products, records
from flask_licensing.cli.group import LicensingGroup

MODULES = (private_keys, products, api_keys, license_keys, inventory, records, commands)


def create_commands() -> LicensingGroup:
    """Return the group of all commands."""
    in_group = [command for module in MODULES for command in module.COMMANDS]
    return LicensingGroup("licensing", commands=in_group, help="License keys, API keys, products and private keys.")
