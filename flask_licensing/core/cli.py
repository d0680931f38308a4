"""What all commands share: errors without tracebacks, and output for people or machines."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import sys
import threading
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn

import click
from flask.cli import with_appcontext

from flask_licensing.core.domain import MAX_INTEGER
from flask_licensing.core.state import current_state
from flask_licensing.errors import LicensingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

ID = click.IntRange(1, MAX_INTEGER)
"""The type of arguments and options that are the id of something."""


def command(
    name: str, *, needs_app: bool = True, works_without_private_keys: bool = False, **settings: Any
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function a command, which refuses to run where the app would refuse to serve.

    Those that tell what is wrong with the private keys, or mend it, work without them. ``settings`` are click's.
    """

    def decorate(function: Callable[..., None]) -> click.Command:
        run = function
        if needs_app:
            run = with_appcontext(run if works_without_private_keys else _with_private_keys(run))
        made: click.Command = click.command(name, click.Command, **settings)(run)
        return made

    return decorate


def _with_private_keys(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        current_state().private_key_ring.check()
        return function(*args, **kwargs)

    return run


class _OutputError(click.ClickException):
    """What a command has to say can't be written; 1 would be what some commands say of what they looked at."""

    exit_code = 2


class LicensingGroup(click.Group):
    """Commands that show this package's errors as one line."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:  # noqa: D102 - click's own method
        # Also before help is shown: a console that lacks a character shows its number.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        if sys.stdin is None:
            sys.stdin = open(os.devnull)  # noqa: SIM115 - a closed input is an empty one, until the end
        with _telling_what_output_lacks():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: D102 - click's own method
        if sys.stdout is None:
            raise _OutputError("Standard output is closed. Nothing was done.")
        try:
            with _telling_what_output_lacks(), _cleaning_up_when_ended():
                return super().invoke(ctx)
        except LicensingError as error:
            raise click.ClickException(str(error)) from error
        except UnicodeDecodeError as error:
            raise click.ClickException(f"The input is not UTF-8: {error.reason}.") from error


@contextmanager
def _telling_what_output_lacks() -> Iterator[None]:
    """Show in one line what can't be written, or can't be opened."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise  # click ends quietly, as other programs do.
        _let_output_go()
        if error.filename is None:
            raise _OutputError(f"{error.strerror}. What was changed before stays changed.") from error
        raise click.ClickException(str(error)) from error


@contextmanager
def _cleaning_up_when_ended() -> Iterator[None]:
    """Leave the block as an exception does where the process is asked to end, so that drafts are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Windows has no SIGHUP.
    ends = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    asked = [number for number in ends if signal.getsignal(number) is signal.SIG_DFL]
    for number in asked:
        signal.signal(number, _exit)
    try:
        yield
    finally:
        for number in asked:
            signal.signal(number, signal.SIG_DFL)


def _exit(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


def _let_output_go() -> None:
    """Drop what can't be written to standard output: the interpreter would try again at its end, with a traceback."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
