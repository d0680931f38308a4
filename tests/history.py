"""Decides whether a history of one license key is possible: whether one license key could have answered all of it.

A history is what clients saw: for each operation when it was invoked, when its answer came, and the code of it. It is
possible if each operation can have happened at one instant between the two, one after another, by the rules of contract
section 6 (it is *linearizable*). From that follow the three rules that matter to a site: never more than ``limit``
identifiers are active, every 300 is seen by the next verify, and nothing is answered 200 after the answer that blocked.

The search goes through the history in the order of time and keeps every state that the license key may be in (Lowe,
"Testing for linearizability", 2017). An operation whose answer never came, as of a worker that was killed, may have
happened or not, until ``settle_seconds`` after its client gave up: a database ends the transaction of a process that is
gone, and what it was asked to commit by then, it commits.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

VALID, NOT_ASSIGNED, NO_ACTIVATION, BLOCKED, INVALID = 200, 201, 202, 204, 210
ACTIVATED, ALREADY_ACTIVE, LIMIT_REACHED = 300, 301, 302
DEACTIVATED, ALREADY_INACTIVE = 400, 401
UPDATED, UPDATE_NOT_FOUND, DELETED, DELETE_NOT_FOUND = 950, 952, 850, 851

_CODES_OF_CHANGES = {ACTIVATED, DEACTIVATED, UPDATED, DELETED, None}

SETTLE_SECONDS = 5.0


@dataclass(frozen=True)
class Operation:
    """What one client asked and got. Times are those of one monotonic clock.

    ``action`` is ``activate``, ``deactivate``, ``verify``, ``status``, ``limit`` or ``delete``; ``value`` is the
    identifier, the new status or the new limit. ``code`` is ``None`` where the outcome is unknown; refusals that have
    no effect and say nothing of the license key, such as 9503 before the commit, are left out of a history.
    """

    action: str
    value: str | int
    invoked_at: float
    answered_at: float
    code: int | None


class State(NamedTuple):
    """What is true of a license key: ``status`` is ``None`` once it is deleted."""

    status: str | None
    limit: int
    active: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """What came of a check: where it is not possible, ``operation`` is the first whose answer fits no state."""

    is_possible: bool
    operation: Operation | None = None
    states: tuple[State, ...] = ()

    def __str__(self) -> str:
        if self.is_possible:
            return "possible"
        return f"not possible: {self.operation} fits none of {[tuple(state) for state in self.states]}"


def apply(state: State, operation: Operation) -> tuple[State, int]:  # noqa: PLR0911 - one for each answer
    """Return the state after an operation, and the code of its answer, by the rules of the contract."""
    if operation.action in {"status", "limit", "delete"}:
        return _change(state, operation)
    identifier = str(operation.value)
    is_active = identifier in state.active
    if state.status is None:
        return state, INVALID
    if operation.action == "deactivate":
        if not is_active:
            return state, ALREADY_INACTIVE
        return state._replace(active=state.active - {identifier}), DEACTIVATED
    if state.status != "assigned":
        return state, BLOCKED if state.status == "blocked" else NOT_ASSIGNED
    if operation.action == "verify":
        return state, VALID if is_active else NO_ACTIVATION
    if is_active:
        return state, ALREADY_ACTIVE
    if state.limit and len(state.active) >= state.limit:
        return state, LIMIT_REACHED
    return state._replace(active=state.active | {identifier}), ACTIVATED


def _change(state: State, operation: Operation) -> tuple[State, int]:
    if operation.action == "delete":
        return State(None, 0), DELETE_NOT_FOUND if state.status is None else DELETED
    if state.status is None:
        return state, UPDATE_NOT_FOUND
    if operation.action == "limit":
        return state._replace(limit=int(operation.value)), UPDATED
    status = str(operation.value)
    ends = status == "available" != state.status
    return state._replace(status=status, active=frozenset() if ends else state.active), UPDATED


class _Candidate(NamedTuple):
    """A state the license key may be in, and those open operations that happened already for it to be so."""

    state: State
    happened: frozenset[int]


def check(history: Sequence[Operation], start: State, *, settle_seconds: float = SETTLE_SECONDS) -> Verdict:
    """Say whether a history of one license key is possible.

    One order that explains it is enough, and is most often among the few that are tried at first; that there is none
    is said after all were tried.
    """
    events = list(_events(history, settle_seconds))
    verdict = _search(history, events, start, _SEARCHES[0])
    for is_free in _SEARCHES[1:]:
        if not verdict.is_possible:
            verdict = _search(history, events, start, is_free)
    return verdict


_SEARCHES: tuple[Callable[[Operation], bool], ...] = (
    lambda _: False,
    lambda operation: operation.code is not None,
    lambda _: True,
)
"""What each search, wider than the one before, takes for granted: nothing, what has an answer, everything."""


def _search(
    history: Sequence[Operation], events: Sequence[tuple[bool, int]], start: State, is_free: Callable[[Operation], bool]
) -> Verdict:
    """Go through the events, with all the states that the license key may be in after each."""
    candidates = [_Candidate(start, frozenset())]
    opened: dict[int, Operation] = {}
    for is_end, number in events:
        operation = history[number]
        if not is_end:
            opened[number] = operation
            continue
        reached = candidates
        if operation.code is not None:
            reached = [after for candidate in candidates for after in _after(candidate, number, opened, is_free)]
        if not reached:
            states = tuple({candidate.state for candidate in candidates})
            return Verdict(is_possible=False, operation=operation, states=states)
        del opened[number]
        candidates = _without_the_needless(
            {_Candidate(state, happened - {number}) for state, happened in reached}, history
        )
    return Verdict(is_possible=True)


def _events(history: Sequence[Operation], settle_seconds: float) -> Iterator[tuple[bool, int]]:
    """Yield beginnings and ends in the order of time, beginnings first: what touches may have overlapped."""
    reads_nothing = [operation.code is None and operation.action == "verify" for operation in history]
    events = [
        event
        for number, operation in enumerate(history)
        if not reads_nothing[number]
        for event in (
            (operation.invoked_at, False, number),
            (operation.answered_at + (settle_seconds if operation.code is None else 0), True, number),
        )
    ]
    yield from (event[1:] for event in sorted(events, key=itemgetter(0, 1)))


def _without_the_needless(candidates: set[_Candidate], history: Sequence[Operation]) -> list[_Candidate]:
    """Leave out candidates to whose state fewer operations of unknown outcome lead: those can do all that these can."""
    needed: dict[tuple[State, frozenset[int]], list[frozenset[int]]] = {}
    for state, happened in sorted(candidates, key=lambda candidate: len(candidate.happened)):
        unknown = frozenset(number for number in happened if history[number].code is None)
        others = needed.setdefault((state, happened - unknown), [])
        if not any(other <= unknown for other in others):
            others.append(unknown)
    return [_Candidate(state, known | unknown) for (state, known), sets in needed.items() for unknown in sets]


def _after(
    candidate: _Candidate, number: int, opened: dict[int, Operation], is_free: Callable[[Operation], bool]
) -> Iterator[_Candidate]:
    """Yield the candidates in which an operation has happened, with as few others before it as will do.

    Those that are free are not counted.
    """
    reads = {other: operation for other, operation in opened.items() if operation.code not in _CODES_OF_CHANGES}
    changes = {other: operation for other, operation in opened.items() if other not in reads and other != number}
    level, seen = [candidate], {candidate}
    while level:
        is_found = False
        next_level: list[_Candidate] = []
        for state, before in level:
            # What only reads, and read this, may as well have happened now: that rules nothing out.
            happened = before.union(other for other in reads.keys() - before if _fits(reads[other], state))
            if number in happened or _fits(opened[number], state):
                is_found = True
                yield _Candidate(state if number in happened else apply(state, opened[number])[0], happened | {number})
            if number in happened:
                continue
            for other in changes.keys() - happened:
                reached = _Candidate(apply(state, changes[other])[0], happened | {other})
                has_effect = reached.state != state or changes[other].code is not None
                if has_effect and _fits(changes[other], state) and reached not in seen:
                    seen.add(reached)
                    # The list grows while it is gone through.
                    (level if is_free(changes[other]) else next_level).append(reached)
        level = [] if is_found else next_level


def _fits(operation: Operation, state: State) -> bool:
    """Whether an operation gets its answer in this state."""
    return operation.code in {None, apply(state, operation)[1]}


def write(history: Iterable[Operation], path: Path) -> None:
    """Append a history to a file, one operation a line."""
    with path.open("a") as file:
        file.writelines(json.dumps(asdict(operation)) + "\n" for operation in history)


def read(path: Path) -> list[Operation]:
    """Return the history in a file."""
    return [Operation(**json.loads(line)) for line in path.read_text().splitlines()]
