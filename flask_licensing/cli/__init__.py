"""The ``flask licensing`` commands, one module per resource: thin skins over methods of the extension."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.cli.api_keys import add_api_key_commands
from flask_licensing.cli.checks import add_check_command
from flask_licensing.cli.description import add_description_command
from flask_licensing.cli.group import LicensingGroup
from flask_licensing.cli.key_rotation import add_key_rotation_commands
from flask_licensing.cli.license_key_files import add_license_key_file_commands
from flask_licensing.cli.license_keys import add_license_key_commands
from flask_licensing.cli.private_keys import add_private_key_commands
from flask_licensing.cli.products import add_product_commands
from flask_licensing.cli.records import add_record_commands
from flask_licensing.cli.responses import add_response_commands

if TYPE_CHECKING:
    from flask_licensing.extension import Licensing


def create_commands(licensing: Licensing) -> LicensingGroup:
    """Return the group of all commands."""
    group = LicensingGroup("licensing", help="License keys, API keys, products and private keys.")
    add_private_key_commands(group, licensing)
    add_key_rotation_commands(group, licensing)
    add_product_commands(group, licensing)
    add_api_key_commands(group, licensing)
    add_license_key_commands(group, licensing)
    add_license_key_file_commands(group, licensing)
    add_record_commands(group, licensing)
    add_response_commands(group)
    add_description_command(group, licensing)
    add_check_command(group, licensing)
    return group
