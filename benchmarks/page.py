"""The page about performance: a text written by hand, with what was measured put into its marked places."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.catalogue import BENCHMARKS
from benchmarks.goals import GOALS
from benchmarks.results import RESULTS_FILE, load_results, plot_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.catalogue import Benchmark
    from benchmarks.results import Comparison, Result

TEMPLATE = Path(__file__).with_name("performance.md")
PAGE = "performance.md"


def render(results: Sequence[Result]) -> str:
    """Return the page; a marked place without results says that nothing was measured."""
    page = TEMPLATE.read_text()
    places = {
        "goals": _goals(results),
        "shares": _shares(results),
        "versions": _versions(results),
        "commands": _commands(),
        **{name: _section(benchmark, _of(name, results)) for name, benchmark in BENCHMARKS.items()},
    }
    for name, content in places.items():
        page = page.replace(f"<!-- {name} -->", content or "Not measured yet.")
    return page


def write_page(folder: Path) -> None:
    """Write the page, from the results beside it."""
    (folder / PAGE).write_text(render(load_results(folder / RESULTS_FILE)))


def _of(benchmark: str, results: Sequence[Result]) -> list[Result]:
    return [result for result in results if result.benchmark == benchmark]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines) if len(lines) > 2 else ""  # noqa: PLR2004 - header and rule


def _goals(results: Sequence[Result]) -> str:
    rows = []
    for goal in GOALS:
        for result in _of(goal.benchmark, results):
            found = goal.find(result)
            verdict = "reached" if goal.is_reached(found) else "**missed**"
            rows.append((str(goal), result.database, found.words, verdict))
    return _table(("goal", "database", "measured", ""), rows)


def _section(benchmark: Benchmark, results: Sequence[Result]) -> str:
    if not results:
        return ""
    rows = [(result.database, *_cells(found)) for result in results for found in result.comparisons]
    header = ("database", "case", "measure", "package", benchmark.reference, "ratio", "from", "to")
    return f"![{benchmark.picture}]({plot_file(benchmark.name)})\n\n{_table(header, rows)}"


def _cells(found: Comparison) -> tuple[str, ...]:
    ratio = found.ratio
    return (
        found.case,
        found.measure,
        f"{_short(median(found.package))} {found.unit}",
        f"{_short(median(found.reference))} {found.unit}",
        f"{ratio.median:.2f}",
        f"{ratio.low:.2f}",
        f"{ratio.high:.2f}",
    )


def _short(number: float) -> str:
    """Return a number with three digits that count."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"  # noqa: PLR2004 - three digits


def _shares(results: Sequence[Result]) -> str:
    rows = []
    for result in results:
        # Of two clocks read one after the other, the second may be a microsecond behind.
        waits = [max(0.0, share.wait) for share in result.shares]
        whole = sum(share.cpu for share in result.shares)
        rows += [
            (result.database, share.part, f"{share.cpu:.0f} µs", f"{share.cpu / whole:.0%}", f"{wait:.0f} µs")
            for share, wait in zip(result.shares, waits, strict=True)
        ]
    return _table(("database", "part", "CPU time", "share", "waiting"), rows)


def _versions(results: Sequence[Result]) -> str:
    named = {f"{name} {version}": None for result in results for name, version in result.versions.items()}
    return "\n".join(f"- {name}" for name in named)


def _commands() -> str:
    rows = [(f"`python -m benchmarks {one.name}`", f"{one.minutes:g}") for one in BENCHMARKS.values()]
    return _table(("command", "minutes on each database"), rows)
