"""Requests for many license keys over HTTP, none or half of them there already."""

from __future__ import annotations

import random
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from benchmarks.load import form_request, new_license_keys, send
from benchmarks.prepared_site import prepared_site
from benchmarks.results import Comparison, Result
from benchmarks.rounds import take_turns
from benchmarks.server import APPS, Server, running_server
from benchmarks.small_request import warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.site import Site

NAME = "bulk"
TIME = "time"
PEAK_MEMORY = "peak memory of the worker"
DUPLICATES = {"no duplicates": False, "half of them duplicates": True}


_Sample: TypeAlias = "tuple[float, float]"
"""Seconds of a request, and MB."""

_MEASURES: tuple[tuple[str, str, Callable[[_Sample], float]], ...] = (
    (TIME, "ms", lambda sample: sample[0] * 1000),
    (PEAK_MEMORY, "MB", lambda sample: sample[1]),
)


@dataclass(frozen=True)
class Scale:
    """How much is measured: the rounds of each number of license keys."""

    rounds_of: Mapping[int, int]


FULL = Scale({1000: 20, 10_000: 12, 100_000: 7})
QUICK = Scale({1000: 4, 10_000: 3})


@dataclass(frozen=True)
class _Contender:
    server: Server
    site: Site

    def create(self, license_keys: Sequence[str], new: int) -> _Sample:
        """Return seconds and peak memory of a request, of whose license keys so many are new."""
        request = form_request(self.site, license_keys)
        self.server.forget_peak_memory()
        seconds = send(self.server.port, request, b'"created":%d,' % new)
        return seconds, self.server.peak_memory()


def case(count: int, duplicates: str) -> str:
    """Return the name of what is measured with so many license keys."""
    return f"{count:,} keys, {duplicates}"


def measure(database: str, folder: Path, scale: Scale) -> Result:
    """Compare one worker with the extension with one with the floor, request by request."""
    with ExitStack() as stack:
        contenders = {name: stack.enter_context(_contender(name, database, folder)) for name in APPS}
        compared = [
            comparison
            for count, rounds in scale.rounds_of.items()
            for name, half_there in DUPLICATES.items()
            for comparison in _compare(case(count, name), contenders, _batches(count, rounds, half_there=half_there))
        ]
    return Result(NAME, database, compared)


@contextmanager
def _contender(name: str, database: str, folder: Path) -> Iterator[_Contender]:
    with prepared_site(database, folder) as site, running_server(name, site, folder, workers=1) as server:
        warm_up(server, site, workers=1)
        yield _Contender(server, site)


def _batches(count: int, rounds: int, *, half_there: bool) -> list[tuple[list[str], int]]:
    """Return the license keys of each round, the first of which is a rehearsal, and how many of them are new."""
    sent = new_license_keys(count)
    batches = [(sent, count)]
    for _ in range(rounds):
        known = sent[: count // 2] if half_there else []
        sent = [*new_license_keys(count - len(known)), *known]
        random.shuffle(sent)
        batches.append((sent, count - len(known)))
    return batches


def _compare(
    name: str, contenders: Mapping[str, _Contender], batches: Sequence[tuple[list[str], int]]
) -> list[Comparison]:
    def sender(contender: _Contender) -> Callable[[int], _Sample]:
        return lambda number: contender.create(*batches[number])

    samples = take_turns(len(batches), {name: sender(contender) for name, contender in contenders.items()})
    return [
        Comparison(name, measure_name, unit, *([take(one) for one in samples[side][1:]] for side in APPS))
        for measure_name, unit, take in _MEASURES
    ]
