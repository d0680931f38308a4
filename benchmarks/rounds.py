"""Taking turns, so that what disturbs the machine disturbs all that is compared alike."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Sample = TypeVar("Sample")


def take_turns(rounds: int, contenders: Mapping[str, Callable[[int], Sample]]) -> dict[str, list[Sample]]:
    """Call every contender once in each round, forwards and backwards by turns (ABBA), and return their samples.

    Each is called with the number of the round, from 0.
    """
    samples: dict[str, list[Sample]] = defaultdict(list)
    for number in range(rounds):
        for name in sorted(contenders, reverse=bool(number % 2)):
            samples[name].append(contenders[name](number))
    return samples
