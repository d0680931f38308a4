"""``openapi``."""

from __future__ import annotations

import json

import click

from flask_licensing.api.blueprint import ENDPOINTS, PUBLISHED
from flask_licensing.api.openapi import describe_api
from flask_licensing.cli.group import command
from flask_licensing.state import current_state


@command("openapi", works_without_private_keys=True)
def openapi() -> None:
    """Print the description of the API, as OpenAPI 3.1."""
    settings = current_state().settings
    description = describe_api(settings, ENDPOINTS, PUBLISHED, url=settings.url_prefix)
    click.echo(json.dumps(description, indent=2))


COMMANDS = (openapi,)
