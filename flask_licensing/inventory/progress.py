"""What an import shows while it runs, and where the rows go that it rejects."""

from __future__ import annotations

import csv
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, TextIO

import click

from flask_licensing.inventory.service import ImportSummary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask_licensing.inventory.formats import Row

ROWS_PER_LINE = 100_000
"""After how many rows a line says how far the import is, where there is no terminal to draw a bar on."""

SHOWN_REJECTIONS = 10
"""How many rejected rows are shown where no file is named for them."""


class ImportProgress:
    """The summary so far; of a file drawn as a bar with rate and time left on a terminal, and as lines elsewhere."""

    def __init__(self, file: BinaryIO) -> None:
        self.summary = ImportSummary()
        self._file = file
        self._started = time.monotonic()
        self._next_line = ROWS_PER_LINE
        self._show: Callable[[ImportSummary], None] = self._print_line

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the progress while the block runs."""
        # What is no file, as a pipe or the keyboard, has no end to draw a bar up to.
        if not (sys.stderr and sys.stderr.isatty() and self._file.seekable()):
            yield
            return
        with click.progressbar(
            length=os.fstat(self._file.fileno()).st_size,
            label="Importing",
            item_show_func=self._rate,
            file=sys.stderr,
            update_min_steps=0,
        ) as bar:
            self._show = lambda summary: bar.update(self._file.tell() - bar.pos, summary)
            yield

    def update(self, summary: ImportSummary) -> None:
        """Take note of the summary so far."""
        self.summary = summary
        self._show(summary)

    def _print_line(self, summary: ImportSummary) -> None:
        if summary.rows >= self._next_line:
            self._next_line += ROWS_PER_LINE
            click.echo(f"{summary.rows:,} rows, {self._rate(summary)}", err=True)

    def _rate(self, summary: ImportSummary | None) -> str:
        rows = summary.rows if summary else 0
        return f"{rows / (time.monotonic() - self._started):,.0f} rows a second"


class Rejections:
    """Writes rejected rows, with their lines and the reasons, to a CSV file; without one it shows the first few."""

    def __init__(self, file: TextIO | None) -> None:
        self._writer = csv.writer(file, lineterminator="\n") if file else None
        self._count = 0

    def add(self, row: Row, reason: str) -> None:
        """Take one rejected row."""
        self._count += 1
        if self._writer is not None:
            if self._count == 1:
                self._writer.writerow(["line", "license_key", "reason"])
            self._writer.writerow([row.line, row.license_key, reason])
        elif self._count <= SHOWN_REJECTIONS:
            click.echo(f"line {row.line}: {reason}", err=True)

    def finish(self) -> None:
        """Say how many rejected rows were not shown."""
        if self._writer is None and self._count > SHOWN_REJECTIONS:
            click.echo(f"… and {self._count - SHOWN_REJECTIONS} more; --rejects names a file for all of them", err=True)


@contextmanager
def open_rejects(path: str | None, read: BinaryIO) -> Iterator[TextIO | None]:
    """Open a file for rejected rows, a new one for its owner alone; refuse the one that is read."""
    if path is None or path == "-":
        yield sys.stdout if path else None
        return
    if os.path.exists(path) and _is_read(path, read):
        raise click.UsageError("--rejects names the file that is imported.")
    # Bytes that are not UTF-8 are a reason to reject a row, and have to be shown somehow.
    with open(path, "w", encoding="utf-8", errors="backslashreplace", opener=_open_for_owner) as file:
        yield file


def _is_read(path: str, read: BinaryIO) -> bool:
    try:
        status = os.fstat(read.fileno())
    except OSError:  # A stream that is no file.
        return False
    return os.path.samestat(status, os.stat(path))


def _open_for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
