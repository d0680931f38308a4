"""``import-license-keys`` and ``export-license-keys``."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from flask_licensing.core.cli import ID, command, json_option, print_json
from flask_licensing.core.domain import MAX_INTEGER
from flask_licensing.inventory.formats import FileFormat
from flask_licensing.inventory.methods import InventoryMethods
from flask_licensing.inventory.progress import ImportProgress, Rejections, open_rejects
from flask_licensing.inventory.service import DEFAULT_BATCH_SIZE
from flask_licensing.license_keys.commands import terms_options
from flask_licensing.license_keys.store import LicenseKeyStatus

if TYPE_CHECKING:
    from flask_licensing.inventory.service import ImportSummary

EXIT_REJECTED = 1

EXIT_INTERRUPTED = 130
"""What shells give for a program that SIGINT ended: 128 + 2."""

_format_option = click.option(
    "--format",
    "file_format",
    type=click.Choice([file_format.value for file_format in FileFormat]),
    help="By default what the file's name ends in: .csv, .ndjson, .jsonl, or .txt and nothing for text.",
)


@command("import-license-keys")
@click.argument("file", type=click.File("rb"))
@_format_option
@click.option("--product", "product_id", type=ID, help="The id of the product.")
@terms_options
@click.option(
    "--batch-size",
    type=click.IntRange(1, MAX_INTEGER),
    default=DEFAULT_BATCH_SIZE,
    show_default=True,
    help="Rows in one transaction.",
)
@click.option("--dry-run", is_flag=True, help="Count what would be created, and create nothing.")
@click.option("--rejects", type=click.Path(dir_okay=False, allow_dash=True), help="A CSV file for rejected rows.")
@json_option
def import_license_keys(file: BinaryIO, *, rejects: str | None, as_json: bool, **options: Any) -> None:
    """Import the license keys of a file; “-” is standard input. Options are for rows that do not say."""
    progress = ImportProgress(file)
    with open_rejects(rejects, file) as rejects_file:
        rejections = Rejections(rejects_file)
        try:
            with progress.shown():
                InventoryMethods().import_license_keys(
                    file, reject=rejections.add, progress=progress.update, warn=_warn, **options
                )
        except KeyboardInterrupt:
            click.echo("Interrupted. Started again, the import passes over what is there.", err=True)
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
        finally:
            # However it ended, what was stored is stored.
            rejections.finish()
            _print_summary(progress.summary, as_json=as_json)
    raise click.exceptions.Exit(EXIT_REJECTED if progress.summary.rejected else 0)


@command("export-license-keys")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), default="-")
@_format_option
@click.option("--product", "product_id", type=ID, help="The id of the product; by default all.")
@click.option(
    "--status",
    type=click.Choice([status.value for status in LicenseKeyStatus]),
    help="The status of the license keys; by default any.",
)
def export_license_keys(file: str, **options: Any) -> None:
    """Write license keys to a file; “-”, the default, is standard output. A name in “.gz” is compressed."""
    count = InventoryMethods().export_license_keys(sys.stdout.buffer if file == "-" else file, **options)
    click.echo(f"{count} license keys written.", err=True)


def _warn(sentence: str) -> None:
    click.echo(sentence, err=True)


def _print_summary(summary: ImportSummary, *, as_json: bool) -> None:
    if as_json:
        print_json(dataclasses.asdict(summary))
    else:
        click.echo(
            f"{summary.rows} rows: {summary.created} created, {summary.duplicate} there already,"
            f" {summary.rejected} rejected."
        )


COMMANDS = (import_license_keys, export_license_keys)
