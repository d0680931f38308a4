"""Measure, print a table, write the page: ``python -m benchmarks --help``."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from benchmarks.catalogue import BENCHMARKS
from benchmarks.prepared_site import why_not
from benchmarks.results import RESULTS_FILE, keep_result
from benchmarks.table import table_of
from tests.databases import DATABASES

DOCUMENTATION = Path(__file__).parents[1] / "docs"


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*BENCHMARKS]))
@click.option(
    "--database", "databases", multiple=True, type=click.Choice(DATABASES), help="Repeat for more; by default all."
)
@click.option("--quick", is_flag=True, help="A first impression within two minutes; writes nothing on its own.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of performance.md; by default docs, and none with --quick.",
)
def main(names: tuple[str, ...], databases: tuple[str, ...], *, quick: bool, output: Path | None) -> None:
    """Measure what NAMES say, by default everything."""
    folder = output or (None if quick else DOCUMENTATION)
    chosen = [BENCHMARKS[name] for name in names or BENCHMARKS]
    for database in databases or DATABASES:
        if missing := why_not(database):
            click.echo(f"{database} is left out: {missing}.")
            continue
        for benchmark in chosen:
            minutes = "" if quick else f", about {benchmark.minutes:g} minutes"
            click.echo(f"\n{benchmark.name} on {database}{minutes}")
            started = time.perf_counter()
            with tempfile.TemporaryDirectory() as scratch:
                result = benchmark.run(database, Path(scratch), quick=quick)
            click.echo(table_of(result))
            click.echo(f"{time.perf_counter() - started:.0f} seconds")
            if folder is not None:
                keep_result(folder / RESULTS_FILE, result)


if __name__ == "__main__":
    main()
