"""``openapi``."""

from __future__ import annotations

import json

import click

from flask_licensing.cli.group import command
from flask_licensing.state import current_state


@command("openapi", works_without_private_keys=True)
def openapi() -> None:
    """Print the description of the API, as OpenAPI 3.1."""
    state = current_state()
    click.echo(json.dumps(state.describe_api(state.settings.url_prefix), indent=2))


COMMANDS = (openapi,)
