"""``check``."""

from __future__ import annotations

import dataclasses

import click

from flask_licensing.cli.group import command, json_option, print_json
from flask_licensing.services.checks import run_checks
from flask_licensing.state import current_state


@command("check", works_without_private_keys=True)
@json_option
def check(*, as_json: bool) -> None:
    """Check settings, tables, keys and a trial signature; the exit code is 0 where all is well."""
    results = run_checks(current_state())
    if as_json:
        print_json([dataclasses.asdict(result) for result in results])
    else:
        for result in results:
            click.echo(f"{'ok' if result.ok else 'FAILED':<7} {result.name}: {result.message}")
    if not all(result.ok for result in results):
        raise click.exceptions.Exit(1)


COMMANDS = (check,)
