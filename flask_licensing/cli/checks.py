"""``check``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from flask_licensing.cli.group import json_option, print_json

if TYPE_CHECKING:
    from flask_licensing.cli.group import LicensingGroup
    from flask_licensing.extension import Licensing


def add_check_command(group: LicensingGroup, licensing: Licensing) -> None:
    """Add the command to the group."""

    @group.command("check", works_without_keys=True)
    @json_option
    def check(*, as_json: bool) -> None:
        """Check settings, tables, keys and a trial signature; the exit code is 0 where all is well."""
        results = licensing.check()
        if as_json:
            print_json([dataclasses.asdict(result) for result in results])
        else:
            for result in results:
                click.echo(f"{'ok' if result.ok else 'FAILED':<7} {result.name}: {result.message}")
        if not all(result.ok for result in results):
            raise click.exceptions.Exit(1)
