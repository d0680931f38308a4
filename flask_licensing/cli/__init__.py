"""The ``flask licensing`` commands, one module per resource: thin skins over the methods of the extension."""

from __future__ import annotations

from flask_licensing import commands
from flask_licensing.api_keys import commands as api_keys
from flask_licensing.audit import commands as records
from flask_licensing.core.cli import LicensingGroup
from flask_licensing.inventory import commands as inventory
from flask_licensing.license_keys import commands as license_keys
from flask_licensing.private_keys import commands as private_keys
from flask_licensing.products import commands as products

MODULES = (private_keys, products, api_keys, license_keys, inventory, records, commands)


def create_commands() -> LicensingGroup:
    """Return the group of all commands."""
    in_group = [command for module in MODULES for command in module.COMMANDS]
    return LicensingGroup("licensing", commands=in_group, help="License keys, API keys, products and private keys.")
