"""The checker of histories itself, on histories written by hand."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.history import Operation, State, apply, check, read, write
from tests.scale import SCALE, SEED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

START = State("assigned", 1)


def operation(text: str) -> Operation:
    """Read ``"activate a 0-2 300"``; a question mark is an unknown outcome."""
    action, value, times, code = text.split()
    invoked, answered = map(float, times.split("-"))
    return Operation(
        action,
        int(value) if action in {"limit", "create"} else value,
        invoked,
        answered,
        None if code == "?" else int(code),
    )


def is_possible(*operations: str, start: State = START) -> bool:
    return check([operation(text) for text in operations], start).is_possible


@pytest.mark.parametrize(
    "history",
    [
        # one after another
        ["activate a 0-1 300", "verify a 2-3 200", "activate b 4-5 302", "deactivate a 6-7 400", "activate b 8-9 300"],
        ["activate a 0-1 300", "activate a 2-3 301", "deactivate a 4-5 400", "deactivate a 6-7 401"],
        # two at once for one place: whichever came first
        ["activate a 0-5 300", "activate b 1-4 302"],
        ["activate a 0-5 302", "activate b 1-4 300"],
        # a verify beside the activation may see it or not, also when the activation is answered first
        ["activate a 0-5 300", "verify a 1-4 200"],
        ["activate a 0-4 300", "verify a 1-5 202"],
        # beside a block
        ["activate a 0-1 300", "status blocked 2-5 950", "verify a 3-4 200", "verify a 6-7 204"],
        ["activate a 0-1 300", "status blocked 2-5 950", "verify a 3-9 200"],
        # what touches may overlap
        ["verify a 0-1 200", "activate a 1-2 300"],
        # a limit that is lowered keeps what is active
        ["limit 2 0-1 950", "activate a 2-3 300", "activate b 2-3 300", "limit 1 4-5 950", "verify b 6-7 200"],
        # a change that changes nothing yet may come before or after another
        ["limit 1 0-9 950", "limit 2 1-2 950", "activate a 3-4 300", "activate b 3-4 300"],
        ["limit 1 0-9 950", "limit 2 1-2 950", "activate a 3-4 300", "activate b 5-6 302"],
        # back to available ends the activations
        [
            "activate a 0-1 300",
            "status available 2-3 950",
            "verify a 4-5 201",
            "status assigned 6-7 950",
            "verify a 8-9 202",
        ],
        # assigned, or sold: assigned and activated at once
        ["status available 0-1 950", "activate a 2-3 201", "assign a 4-5 800", "assign a 6-7 801", "verify a 8-9 202"],
        ["status available 0-1 950", "sell a 2-3 300", "verify a 4-5 200", "sell a 6-7 301", "sell b 8-9 801"],
        ["status available 0-1 950", "sell a 2-9 300", "sell b 2-9 801", "verify a 3-4 200"],
        ["status blocked 0-1 950", "sell a 2-3 801", "assign a 4-5 801"],
        # deleted, and created anew
        ["activate a 0-1 300", "delete - 2-3 850", "create 2 4-5 900", "create 2 6-7 902", "verify a 8-9 202"],
        ["delete - 0-1 850", "sell a 2-3 801", "assign a 2-3 801", "create 2 4-5 900", "activate a 6-7 300"],
        ["delete - 0-1 850", "verify a 2-3 210", "delete - 2-3 851", "status blocked 4-5 952"],
        # unknown: it happened, or not, or later
        ["activate a 0-1 ?", "verify a 2-3 200"],
        ["activate a 0-1 ?", "verify a 2-3 202"],
        ["activate a 0-1 ?", "verify a 2-3 202", "verify a 4-5 200"],
        ["deactivate a 0-1 ?", "activate a 2-3 300"],
        ["verify a 0-1 ?", "activate a 2-3 300"],
    ],
)
def test_a_history_that_one_license_key_can_have_answered_is_possible(history: list[str]) -> None:
    assert is_possible(*history)


@pytest.mark.parametrize(
    "history",
    [
        # more than the limit are active
        ["activate a 0-5 300", "activate b 0-5 300"],
        ["activate a 0-1 300", "limit 2 2-3 950", "activate b 4-5 300", "limit 1 6-7 950", "activate c 8-9 300"],
        # one identifier takes two places
        ["limit 2 0-1 950", "activate a 2-5 300", "activate a 2-5 300"],
        # a 300 that the next verify does not see
        ["activate a 0-1 300", "verify a 2-3 202"],
        # a place that nobody freed, or that is not free though it was freed
        ["activate a 0-1 300", "activate b 2-3 302", "activate b 4-5 300"],
        ["activate a 0-1 300", "deactivate a 2-3 400", "activate b 4-5 302"],
        # 200 after the answer that blocked, deleted or ended
        ["activate a 0-1 300", "status blocked 2-3 950", "verify a 4-5 200"],
        ["activate a 0-1 300", "delete - 2-3 850", "verify a 4-5 200"],
        ["activate a 0-1 300", "deactivate a 2-3 400", "verify a 4-5 200"],
        ["activate a 0-1 300", "status available 2-3 950", "status assigned 4-5 950", "verify a 6-7 200"],
        # sold to two
        ["status available 0-1 950", "sell a 2-9 300", "sell b 2-9 300"],
        ["status available 0-1 950", "assign a 2-9 800", "sell b 2-9 300"],
        # an activation of a license key that was deleted in between
        ["activate a 0-1 300", "delete - 2-3 850", "create 1 4-5 900", "verify a 6-7 200"],
        # seen, and then not
        ["activate a 0-9 300", "verify a 1-2 200", "verify a 3-4 202"],
        ["activate a 0-1 ?", "verify a 2-3 200", "verify a 4-5 202"],
        # an unknown activation happens once at most, and not long after its client gave up
        ["activate a 0-1 ?", "verify a 2-3 200", "deactivate a 4-5 400", "verify a 5.1-5.2 200"],
        ["activate a 0-1 ?", "verify a 6.1-7 202", "verify a 8-9 200"],
        # a code that no rule gives
        ["verify a 0-1 203"],
    ],
)
def test_a_history_that_breaks_a_rule_is_not_possible(history: list[str]) -> None:
    assert not is_possible(*history)


def _is_possible_in_some_order(history: list[Operation]) -> bool:
    """Try all orders, with and without each operation of unknown outcome."""
    unknown = [one for one in history if one.code is None]
    for count in range(len(unknown) + 1):
        for left_out in itertools.combinations(unknown, count):
            for order in itertools.permutations([one for one in history if one not in left_out]):
                if _keeps_time(order) and _answers_all(order):
                    return True
    return False


def _keeps_time(order: Sequence[Operation]) -> bool:
    return all(_end(later) >= earlier.invoked_at for earlier, later in itertools.combinations(order, 2))


def _end(one: Operation) -> float:
    return one.answered_at + (SETTLE if one.code is None else 0)


def _answers_all(order: Sequence[Operation]) -> bool:
    state = START
    for one in order:
        state, code = apply(state, one.action, one.value)
        if one.code not in {None, code}:
            return False
    return True


def _random_history(draw: random.Random) -> list[Operation]:
    """Make a history of a license key that did what it was asked; now and then one answer is another one."""
    state, history = START, []
    for moment in sorted(draw.uniform(0, 4) for _ in range(6)):
        action, value = draw.choice(ASKED)
        state, code = apply(state, action, value)
        begin, end = moment - draw.choice([0.1, 1, 3]), moment + draw.choice([0.1, 1, 3])
        if draw.random() < 0.2:
            end = max(begin, moment - draw.uniform(0, SETTLE))
        history.append(Operation(action, value, begin, end, None if end < moment else code))
    if draw.random() < 0.7:
        place = draw.randrange(len(history))
        history[place] = replace(history[place], code=draw.choice([200, 202, 300, 301, 302, 400, 401, None]))
    return history


SETTLE = 1.0
ASKED: list[tuple[str, str | int]] = [
    *((action, name) for action in ("activate", "activate", "deactivate", "verify") for name in "ab"),
    ("limit", 2),
    ("limit", 1),
    ("status", "available"),
    ("sell", "a"),
]


def test_the_checker_says_of_random_histories_what_trying_all_orders_says() -> None:
    draw = random.Random(SEED)  # noqa: S311 - has to be repeatable
    said: Counter[bool] = Counter()
    for _ in range(300 * SCALE):
        history = _random_history(draw)
        verdict = check(history, START, settle_seconds=SETTLE)
        assert verdict.is_possible is _is_possible_in_some_order(history), history
        assert verdict.is_proven
        said[verdict.is_possible] += 1
    assert min(said[True], said[False]) > 30 * SCALE


def test_the_first_answer_that_fits_no_state_is_named() -> None:
    history = [operation(text) for text in ("activate a 0-1 300", "verify a 2-3 202", "verify a 4-5 202")]
    verdict = check(history, START)
    assert verdict.operation == history[1]
    assert "verify" in str(verdict)
    assert "'a'" in str(verdict)


def test_without_a_limit_any_number_may_be_active() -> None:
    assert is_possible(*(f"activate {name} 0-9 300" for name in "abcdefgh"), start=State("assigned", 0))


def test_a_license_key_that_is_not_assigned_is_refused() -> None:
    assert apply(State("reserved", 1), "activate", "a")[1] == 201


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    history = [operation("activate a 0-1 300"), operation("limit 2 2-3 ?")]
    write(history[:1], tmp_path / "log")
    write(history[1:], tmp_path / "log")
    assert read(tmp_path / "log") == history
