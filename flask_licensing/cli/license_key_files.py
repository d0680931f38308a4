"""``import-license-keys`` and ``export-license-keys``."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import click

from flask_licensing.cli.group import json_option, print_json
from flask_licensing.cli.import_progress import ImportProgress, Rejections
from flask_licensing.cli.license_keys import terms_options
from flask_licensing.domain import LicenseKeyStatus
from flask_licensing.services.license_key_formats import FileFormat
from flask_licensing.services.license_key_import import DEFAULT_BATCH_SIZE

if TYPE_CHECKING:
    from flask_licensing.cli.group import LicensingGroup
    from flask_licensing.extension import Licensing

EXIT_REJECTED = 1

EXIT_INTERRUPTED = 130
"""What shells give for a program that SIGINT ended: 128 + 2."""

_format_option = click.option(
    "--format",
    "file_format",
    type=click.Choice([file_format.value for file_format in FileFormat]),
    help="By default what the file's name ends in.",
)


def add_license_key_file_commands(group: LicensingGroup, licensing: Licensing) -> None:
    """Add the commands to the group."""

    @group.command("import-license-keys")
    @click.argument("file", type=click.File("rb"))
    @_format_option
    @click.option("--product", "product_id", type=int, help="The id of the product.")
    @terms_options
    @click.option(
        "--batch-size",
        type=click.IntRange(min=1),
        default=DEFAULT_BATCH_SIZE,
        show_default=True,
        help="Rows in one transaction.",
    )
    @click.option("--dry-run", is_flag=True, help="Count what would be created, and create nothing.")
    @click.option(
        "--rejects",
        # Bytes that are not UTF-8 are a reason to reject a row, and have to be shown somehow.
        type=click.File("w", encoding="utf-8", errors="backslashreplace"),
        help="A CSV file for rejected rows.",
    )
    @json_option
    def import_license_keys(file: BinaryIO, *, rejects: TextIO | None, as_json: bool, **options: Any) -> None:
        """Import the license keys of a file; “-” is standard input. Options are for rows that do not say."""
        rejections = Rejections(rejects)
        exit_code = 0
        with ImportProgress(file).shown() as progress:
            try:
                licensing.import_license_keys(file, reject=rejections.add, progress=progress.update, **options)
            except KeyboardInterrupt:
                exit_code = EXIT_INTERRUPTED
        rejections.finish()
        summary = progress.summary
        if as_json:
            print_json(dataclasses.asdict(summary))
        else:
            click.echo(
                f"{summary.rows} rows: {summary.created} created, {summary.duplicate} there already,"
                f" {summary.rejected} rejected."
            )
        if exit_code == EXIT_INTERRUPTED:
            click.echo("Interrupted. Started again, the import passes over what is there.", err=True)
        raise click.exceptions.Exit(exit_code or (EXIT_REJECTED if summary.rejected else 0))

    @group.command("export-license-keys")
    @click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), default="-")
    @_format_option
    @click.option("--product", "product_id", type=int, help="The id of the product; by default all.")
    @click.option(
        "--status",
        type=click.Choice([status.value for status in LicenseKeyStatus]),
        help="The status of the license keys; by default any.",
    )
    def export_license_keys(file: str, **options: Any) -> None:
        """Write license keys to a file; “-”, the default, is standard output. A name in “.gz” is compressed."""
        count = licensing.export_license_keys(sys.stdout.buffer if file == "-" else file, **options)
        click.echo(f"{count} license keys written.", err=True)
