"""The checker of histories itself, on histories written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.history import Operation, State, apply, check, read, write

if TYPE_CHECKING:
    from pathlib import Path

START = State("assigned", 1)


def operation(text: str) -> Operation:
    """Read ``"activate a 0-2 300"``; a question mark is an unknown outcome."""
    action, value, times, code = text.split()
    invoked, answered = map(float, times.split("-"))
    return Operation(
        action, int(value) if action == "limit" else value, invoked, answered, None if code == "?" else int(code)
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
        # deleted
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
        # seen, and then not
        ["activate a 0-9 300", "verify a 1-2 200", "verify a 3-4 202"],
        ["activate a 0-1 ?", "verify a 2-3 200", "verify a 4-5 202"],
        # an unknown activation happens once at most, and not long after its client gave up
        ["activate a 0-1 ?", "verify a 2-3 200", "deactivate a 4-5 400", "verify a 5.1-5.2 200"],
        ["activate a 0-1 ?", "verify a 6-7 202", "verify a 8-9 200"],
        # a code that no rule gives
        ["verify a 0-1 203"],
    ],
)
def test_a_history_that_breaks_a_rule_is_not_possible(history: list[str]) -> None:
    assert not is_possible(*history)


def test_the_first_answer_that_fits_no_state_is_named() -> None:
    history = [operation(text) for text in ("activate a 0-1 300", "verify a 2-3 202", "verify a 4-5 202")]
    verdict = check(history, START)
    assert verdict.operation == history[1]
    assert "verify" in str(verdict)
    assert "'a'" in str(verdict)


def test_without_a_limit_any_number_may_be_active() -> None:
    assert is_possible(*(f"activate {name} 0-9 300" for name in "abcdefgh"), start=State("assigned", 0))


def test_a_license_key_that_is_not_assigned_is_refused() -> None:
    assert apply(State("reserved", 1), operation("activate a 0-1 ?"))[1] == 201


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    history = [operation("activate a 0-1 300"), operation("limit 2 2-3 ?")]
    write(history[:1], tmp_path / "log")
    write(history[1:], tmp_path / "log")
    assert read(tmp_path / "log") == history
