"""``openapi``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flask_licensing.cli.group import LicensingGroup
    from flask_licensing.extension import Licensing


def add_description_command(group: LicensingGroup, licensing: Licensing) -> None:
    """Add the command to the group."""

    @group.command("openapi", works_without_keys=True)
    def openapi() -> None:
        """Print the description of the API, as OpenAPI 3.1."""
        click.echo(json.dumps(licensing.openapi(), indent=2))
