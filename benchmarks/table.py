"""Results as a table for the terminal."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.results import Comparison, Result

_HEADER = ("", "", "package", "reference", "", "ratio", "lowest", "highest")
_SHARES_HEADER = ("CPU time of a request", "CPU µs", "waiting µs")


def table_of(result: Result) -> str:
    """Return a result as lines of text: medians, and the ratio with its spread over the rounds."""
    lines = list(aligned([_HEADER, *map(_cells, result.comparisons)]))
    if result.shares:
        shares = [(share.part, f"{share.cpu:.0f}", f"{share.wait:.0f}") for share in result.shares]
        lines += aligned([_SHARES_HEADER, *shares])
    return "\n".join(lines)


def _cells(found: Comparison) -> tuple[str, ...]:
    ratio = found.ratio
    return (
        found.case,
        found.measure,
        f"{median(found.package):.4g}",
        f"{median(found.reference):.4g}",
        found.unit,
        f"{ratio.median:.2f}",
        f"{ratio.low:.2f}",
        f"{ratio.high:.2f}",
    )


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the rows as lines of text, with columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join([first, *others]).rstrip()
