"""What benchmarks find, and the file that keeps it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

RESULTS_FILE = "results.json"
"""Where results are kept, beside the page that is made of them."""


def plot_file(benchmark: str) -> str:
    """Return where the plot of a benchmark is, beside the page."""
    return f"{benchmark}.png"


class Ratio(NamedTuple):
    """A ratio as found in several rounds: the middle one, the lowest and the highest."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """One measure of the package and of what it is compared with, the reference, in each round of one run.

    ``case`` names what was done, ``measure`` what was measured, in ``unit``.
    """

    case: str
    measure: str
    unit: str
    package: list[float]
    reference: list[float]

    @property
    def ratio(self) -> Ratio:
        """Package by reference, round by round: the two samples of a round were taken one right after the other."""
        ratios = [mine / other for mine, other in zip(self.package, self.reference, strict=True)]
        return Ratio(median(ratios), min(ratios), max(ratios))


@dataclass(frozen=True)
class Share:
    """A part of the work, with the microseconds of CPU it takes in a request, and those it waits."""

    part: str
    cpu: float
    wait: float


@dataclass(frozen=True)
class Result:
    """What one benchmark found on one database; ``versions`` of everything it ran on."""

    benchmark: str
    database: str
    comparisons: list[Comparison]
    shares: list[Share] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    def find(self, case: str, measure: str) -> Comparison:
        """Return a comparison; there has to be one."""
        return next(found for found in self.comparisons if (found.case, found.measure) == (case, measure))


def load_results(file: Path) -> list[Result]:
    """Return the results that a file keeps; none where there is no file."""
    if not file.exists():
        return []
    return [_from_json(document) for document in json.loads(file.read_text())]


def keep_result(file: Path, result: Result) -> None:
    """Put a result into a file, in place of an earlier one of the same benchmark and database."""
    name = (result.benchmark, result.database)
    kept = [other for other in load_results(file) if (other.benchmark, other.database) != name]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([dataclasses.asdict(one) for one in [*kept, result]], indent=1) + "\n")


def _from_json(document: dict[str, Any]) -> Result:
    comparisons = [Comparison(**comparison) for comparison in document.pop("comparisons")]
    shares = [Share(**share) for share in document.pop("shares")]
    return Result(comparisons=comparisons, shares=shares, **document)
