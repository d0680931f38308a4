"""What the package aims at, as ratios of one run, and whether results reach it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import bulk, growth, inventory, key_by_key, small_request
from benchmarks.layers import SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.results import Comparison, Result


class Finding(NamedTuple):
    """What was measured for a goal, as a number and in words."""

    value: float
    words: str


@dataclass(frozen=True)
class Goal:
    """One aim, in words around its limit; ``find`` looks it up in a result of the benchmark.

    The value found must not be above the limit, or, with ``at_least``, not below it.
    """

    benchmark: str
    aim: str
    limit: float
    find: Callable[[Result], Finding]
    at_least: bool = False

    def is_reached(self, found: Finding) -> bool:
        """Whether what was found is good enough."""
        return found.value >= self.limit if self.at_least else found.value <= self.limit

    def __str__(self) -> str:
        return self.aim.format(self.limit)


def _ratio(case: str, measure: str) -> Callable[[Result], Finding]:
    def find(result: Result) -> Finding:
        ratio = result.find(case, measure).ratio.median
        return Finding(ratio, f"{ratio:.2f}")

    return find


def _signature(result: Result) -> Finding:
    whole = sum(share.cpu for share in result.shares)
    signature = next(share.cpu for share in result.shares if share.part == SIGNATURE)
    other = max((share for share in result.shares if share.part != SIGNATURE), key=lambda share: share.cpu)
    words = f"{signature / whole:.0%}; {other.part} {other.cpu / whole:.0%}"
    return Finding(signature / other.cpu, words)


def _slowest_bulk(result: Result) -> Finding:
    worst = max(filter(_is_of_many_keys, result.comparisons), key=lambda found: found.ratio.median)
    return Finding(worst.ratio.median, f"{worst.ratio.median:.2f} at worst ({worst.case})")


def _is_of_many_keys(found: Comparison) -> bool:
    return found.measure == bulk.TIME and not found.case.startswith("1,000 ")


def _import_time(result: Result) -> Finding:
    return _ratio(result.comparisons[0].case, inventory.TIME)(result)


def _import_memory(result: Result) -> Finding:
    peak = max(result.find(result.comparisons[0].case, inventory.PEAK_MEMORY).package)
    return Finding(peak, f"{peak:.0f} MB")


def _times_faster(result: Result) -> Finding:
    times = 1 / result.comparisons[0].ratio.median
    return Finding(times, f"{times:.0f} times")


def _growth(result: Result) -> Finding:
    smallest, largest = result.comparisons[0], result.comparisons[-1]
    relative = largest.ratio.median / smallest.ratio.median
    mine = median(largest.package) / median(smallest.package)
    return Finding(relative, f"{relative:.2f} (the cost itself {mine:.1f} times)")


GOALS = (
    Goal(
        small_request.NAME,
        "small request: at least {} of the floor's requests a second",
        0.85,
        _ratio(small_request.CASE, small_request.RATE),
        at_least=True,
    ),
    Goal(
        small_request.NAME,
        "small request: p99 at most {} times the floor's",
        1.3,
        _ratio(small_request.CASE, small_request.SLOWEST),
    ),
    Goal(
        small_request.NAME,
        "the signature is the largest single item of a small request's CPU time",
        1,
        _signature,
        at_least=True,
    ),
    Goal(bulk.NAME, "10,000 and 100,000 keys over HTTP: at most {} times the floor's time", 1.25, _slowest_bulk),
    Goal(inventory.NAME, "import of 1,000,000 keys: at most {} times the floor's time", 1.3, _import_time),
    Goal(inventory.NAME, "import of 1,000,000 keys: peak memory at most {} MB", 150, _import_memory),
    Goal(
        key_by_key.NAME,
        "10,000 keys: at least {} times as fast as key by key through the ORM",
        30,
        _times_faster,
        at_least=True,
    ),
    Goal(
        growth.NAME,
        "from 10 thousand keys to 5 million: cost grows at most {} times as much as the floor's",
        1.1,
        _growth,
    ),
)
"""All goals, in the order of the page."""
