"""Measure, print a table, write the page: ``python -m benchmarks --help``."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.catalogue import BENCHMARKS
from benchmarks.page import write_page
from benchmarks.plots import draw_plots
from benchmarks.prepared_site import why_not
from benchmarks.results import RESULTS_FILE, keep_result
from benchmarks.table import table_of
from tests.databases import DATABASES

if TYPE_CHECKING:
    from benchmarks.catalogue import Benchmark

REPORT = "report"
MEASURED = Path(__file__).with_name("measured")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*BENCHMARKS, REPORT]))
@click.option(
    "--database", "databases", multiple=True, type=click.Choice(DATABASES), help="Repeat for more; by default all."
)
@click.option("--quick", is_flag=True, help="A first impression within two minutes; writes nothing on its own.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of performance.md; by default benchmarks/measured, and none with --quick.",
)
def main(names: tuple[str, ...], databases: tuple[str, ...], *, quick: bool, output: Path | None) -> None:
    """Measure what NAMES say, by default everything; “report” writes the page from results that are there."""
    folder = output or (None if quick else MEASURED)
    wanted = [BENCHMARKS[name] for name in names or BENCHMARKS if name != REPORT]
    for database in databases or DATABASES if wanted else ():
        if missing := why_not(database):
            click.echo(f"{database} is left out: {missing}.")
            continue
        for benchmark in wanted:
            _measure(benchmark, database, quick=quick, folder=folder)
    if folder is not None:
        write_page(folder)
        draw_plots(folder)


def _measure(benchmark: Benchmark, database: str, *, quick: bool, folder: Path | None) -> None:
    minutes = "" if quick else f": this takes about {benchmark.minutes:g} minutes"
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
