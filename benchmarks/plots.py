"""Pictures of the results."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks import bulk, growth, inventory, key_by_key, small_request, verify
from benchmarks.catalogue import BENCHMARKS
from benchmarks.results import RESULTS_FILE, load_results, plot_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from benchmarks.results import Comparison, Result

_PACKAGE_COLOR = "#1f6f8b"
_REFERENCE_COLOR = "#c9c9c9"
_BAR = 0.38


def draw_plots(folder: Path) -> None:
    """Draw every benchmark that has results, beside those."""
    from matplotlib.figure import Figure

    results = load_results(folder / RESULTS_FILE)
    for name, draw in _DRAWINGS.items():
        if of_one := [result for result in results if result.benchmark == name]:
            figure = Figure(figsize=(9, 3.6), layout="constrained")
            draw(figure, of_one)
            # Without the version of matplotlib in it, the same results are the same file.
            figure.savefig(folder / plot_file(name), dpi=110, metadata={"Software": None})


def _draw_small_request(figure: Figure, results: Sequence[Result]) -> None:
    axes = figure.subplots(1, 2)
    _bars(axes[0], results, lambda result: result.find(small_request.CASE, small_request.RATE))
    axes[0].set_ylabel("requests a second")
    parts = sorted({share.part for result in results for share in result.shares})
    start = [0.0] * len(results)
    for part in parts:
        widths = [sum(share.cpu for share in result.shares if share.part == part) for result in results]
        axes[1].barh([result.database for result in results], widths, left=start, label=part, height=0.6)
        start = [before + width for before, width in zip(start, widths, strict=True)]
    axes[1].set_xlabel("µs of CPU time in one request")
    axes[1].legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))


def _draw_verify(figure: Figure, results: Sequence[Result]) -> None:
    axes = figure.subplots()
    _bars(axes, results, lambda result: result.find(verify.CASE, verify.RATE))
    axes.set_ylabel(verify.RATE)


def _draw_bulk(figure: Figure, results: Sequence[Result]) -> None:
    axes = figure.subplots()
    names = list(bulk.DUPLICATES)
    for result, color in zip(results, ("C0", "C1", "C2"), strict=False):
        for duplicates, marker in zip(names, "os", strict=True):
            found = [
                one for one in result.comparisons if one.measure == bulk.TIME and one.case.endswith(f" {duplicates}")
            ]
            counts = [int(one.case.split()[0].replace(",", "")) for one in found]
            ratios = [one.ratio for one in found]
            middle = [ratio.median for ratio in ratios]
            spread = [[ratio.median - ratio.low for ratio in ratios], [ratio.high - ratio.median for ratio in ratios]]
            label = f"{result.database}, {duplicates}"
            axes.errorbar(counts, middle, spread, marker=marker, color=color, capsize=3, label=label, alpha=0.8)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set(
        xscale="log", ylim=(0, None), xlabel="license keys in a request", ylabel="time, as a multiple of the floor's"
    )
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))


def _draw_import(figure: Figure, results: Sequence[Result]) -> None:
    axes = figure.subplots()
    _bars(axes, results, lambda result: result.find(result.comparisons[0].case, inventory.TIME))
    axes.set_ylabel(f"seconds for {results[0].comparisons[0].case}")


def _draw_growth(figure: Figure, results: Sequence[Result]) -> None:
    axes = figure.subplots()
    for result, color in zip(results, ("C0", "C1", "C2"), strict=False):
        sizes = [int(found.case.split()[1].replace(",", "")) for found in result.comparisons]
        for side, style in (("package", "-o"), ("reference", "--s")):
            times = [median(getattr(found, side)) for found in result.comparisons]
            label = f"{result.database}, {'package' if side == 'package' else 'floor'}"
            axes.plot(sizes, times, style, color=color, label=label)
    axes.set(xscale="log", ylim=(0, None), xlabel="license keys in the table", ylabel="ms for 10,000 new ones")
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))


def _draw_key_by_key(figure: Figure, results: Sequence[Result]) -> None:
    axes = figure.subplots()
    _bars(axes, results, lambda result: result.comparisons[0])
    axes.set(yscale="log", ylabel=f"seconds for {results[0].comparisons[0].case}")
    axes.yaxis.set_major_formatter("{x:g}")


def _bars(axes: Axes, results: Sequence[Result], pick: Callable[[Result], Comparison]) -> None:
    """Draw package and reference side by side for each database, with their spread."""
    sides = (
        ("package", "package", _PACKAGE_COLOR),
        ("reference", BENCHMARKS[results[0].benchmark].reference, _REFERENCE_COLOR),
    )
    for number, (side, label, color) in enumerate(sides):
        samples: list[list[float]] = [getattr(pick(result), side) for result in results]
        middle = [median(one) for one in samples]
        spread = [[median(one) - min(one) for one in samples], [max(one) - median(one) for one in samples]]
        positions = [place + (number - 0.5) * _BAR for place in range(len(results))]
        axes.bar(positions, middle, _BAR, yerr=spread, capsize=3, label=label, color=color)
    axes.set_xticks(range(len(results)), [result.database for result in results])
    axes.legend(fontsize=7)


_DRAWINGS: dict[str, Callable[[Figure, Sequence[Result]], None]] = {
    small_request.NAME: _draw_small_request,
    verify.NAME: _draw_verify,
    bulk.NAME: _draw_bulk,
    inventory.NAME: _draw_import,
    growth.NAME: _draw_growth,
    key_by_key.NAME: _draw_key_by_key,
}
