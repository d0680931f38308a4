"""What all commands share: errors without tracebacks, and output for people or machines."""

from __future__ import annotations

import json
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from flask.cli import AppGroup

from flask_licensing.assembly import require_private_keys
from flask_licensing.errors import LicensingError
from flask_licensing.state import current_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


class LicensingGroup(AppGroup):
    """Commands that run in the app's context and show this package's errors as one line."""

    def command(  # type: ignore[override] # click's own has a second form, without parentheses
        self, *args: Any, works_without_keys: bool = False, **kwargs: Any
    ) -> Callable[[Callable[..., Any]], click.Command]:
        """Add a command, which refuses to run where the app would refuse to serve; see :func:`check_private_keys`.

        Those that tell what is wrong with the private keys, or mend it, work without them.
        """
        add = super().command(*args, **kwargs)
        if works_without_keys or not kwargs.get("with_appcontext", True):
            return add
        return lambda function: add(_with_private_keys(function))

    def invoke(self, ctx: click.Context) -> Any:  # noqa: D102 - click's own method
        try:
            return super().invoke(ctx)
        except LicensingError as error:
            raise click.ClickException(str(error)) from error


def _with_private_keys(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        require_private_keys(current_state())
        return function(*args, **kwargs)

    return run


def print_json(document: object) -> None:
    """Print a document as JSON; dates are ISO 8601, sets are lists."""
    click.echo(json.dumps(document, default=_to_json))


def print_json_list(documents: Iterable[object]) -> None:
    """Print a JSON list, one element a line, as the elements come."""
    separator = "["
    for document in documents:
        click.echo(f"{separator}{json.dumps(document, default=_to_json)}", nl=False)
        separator = ",\n"
    click.echo("[]" if separator == "[" else "]")


def print_lines(lines: Iterable[str], *, if_none: str) -> None:
    """Print lines, or on standard error that there are none."""
    printed = False
    for line in lines:
        click.echo(line)
        printed = True
    if not printed:
        click.echo(if_none, err=True)


def _to_json(value: Any) -> object:
    if isinstance(value, frozenset | set):
        return sorted(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
