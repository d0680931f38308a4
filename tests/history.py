"""Decides whether a history of one license key is possible: whether one license key could have answered all of it.

A history is what clients saw: for each operation when it was invoked, when its answer came, and the code of it. It is
possible if each operation can have happened at one instant between the two, one after another, by the rules of contract
section 6 (it is *linearizable*). From that follow the three rules that matter to a site: never more than ``limit``
identifiers are active, every 300 is seen by the next verify, and nothing is answered 200 after the answer that blocked.

The search goes through the history in the order of time and keeps states that the license key may be in (Lowe,
"Testing for linearizability", 2017), the likely ones first. An operation whose answer never came, as of a worker that
was killed, may have happened or not, until ``settle_seconds`` after its client gave up: a database ends the transaction
of a process that is gone, and what it was asked to commit by then, it commits.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from heapq import heapify, heappop, heappush
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

VALID, NOT_ASSIGNED, NO_ACTIVATION, BLOCKED, INVALID = 200, 201, 202, 204, 210
ACTIVATED, ALREADY_ACTIVE, LIMIT_REACHED = 300, 301, 302
DEACTIVATED, ALREADY_INACTIVE = 400, 401
ASSIGNED, NOT_AVAILABLE = 800, 801
UPDATED, UPDATE_NOT_FOUND, DELETED, DELETE_NOT_FOUND, CREATED, NONE_CREATED = 950, 952, 850, 851, 900, 902

_CODES_OF_CHANGES = {ACTIVATED, DEACTIVATED, ASSIGNED, UPDATED, DELETED, CREATED, None}
_NOT_THERE = {"delete": 851, "status": 952, "limit": 952, "assign": 801, "sell": 801}

SETTLE_SECONDS = 5.0
NARROWEST, WIDEST = 32, 8192
"""How many candidates are kept, at first and at most."""

_SPAN = 50
"""Events between places that a search can go back to."""

_EFFORT = 10
"""How many steps are made for each candidate that is kept, before an operation is given up."""

_UNKNOWN_TAKEN, _UNKNOWN_TAKEN_BEFORE = 0.3, 0.02
"""How unlikely it is that an operation of unknown outcome happened, in times that an answer takes: now, and before."""


@dataclass(frozen=True)
class Operation:
    """What one client asked and got. Times are those of one monotonic clock.

    ``action`` is ``activate``, ``deactivate``, ``verify``, ``status``, ``limit``, ``assign``, ``sell`` (assigned and
    activated at once), ``delete`` or ``create``; ``value`` is the identifier, the new status or the limit. ``code`` is
    ``None`` where the outcome is unknown; refusals that have no effect and say nothing of the license key are left out.
    """

    action: str
    value: str | int
    invoked_at: float
    answered_at: float
    code: int | None


class State(NamedTuple):
    """What is true of a license key: ``status`` is ``None`` where there is none."""

    status: str | None
    limit: int
    active: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """What came of a check: where it is not possible, ``operation`` is the first whose answer fits no state.

    ``is_proven`` is false where more could have been tried.
    """

    is_possible: bool
    operation: Operation | None = None
    states: tuple[State, ...] = ()
    is_proven: bool = True

    def __str__(self) -> str:
        if self.is_possible:
            return "possible"
        verdict = "not possible" if self.is_proven else "no order was found"
        return f"{verdict}: {self.operation} fits none of {[tuple(state) for state in self.states]}"


@cache
def apply(state: State, action: str, value: str | int) -> tuple[State, int]:
    """Return the state after an operation, and the code of its answer, by the rules of the contract."""
    if action == "create":
        return (state, NONE_CREATED) if state.status else (State("assigned", int(value)), CREATED)
    if state.status is None:
        return state, _NOT_THERE.get(action, INVALID)
    if action in {"activate", "deactivate", "verify", "sell"}:
        return _use(state, action, str(value))
    return _change(state, action, value)


def _use(state: State, action: str, identifier: str) -> tuple[State, int]:  # noqa: PLR0911 - one for each answer
    is_active = identifier in state.active
    if action == "deactivate":
        if not is_active:
            return state, ALREADY_INACTIVE
        return state._replace(active=state.active - {identifier}), DEACTIVATED
    activated = state._replace(status="assigned", active=state.active | {identifier})
    if action == "sell":
        if state.status == "available":
            return activated, ACTIVATED
        return state, ALREADY_ACTIVE if state.status == "assigned" and is_active else NOT_AVAILABLE
    if state.status != "assigned":
        return state, BLOCKED if state.status == "blocked" else NOT_ASSIGNED
    if action == "verify":
        return state, VALID if is_active else NO_ACTIVATION
    if is_active:
        return state, ALREADY_ACTIVE
    return (state, LIMIT_REACHED) if state.limit and len(state.active) >= state.limit else (activated, ACTIVATED)


def _change(state: State, action: str, value: str | int) -> tuple[State, int]:
    if action == "delete":
        return State(None, 0), DELETED
    if action == "limit":
        return state._replace(limit=int(value)), UPDATED
    if action == "assign":
        return (state._replace(status="assigned"), ASSIGNED) if state.status == "available" else (state, NOT_AVAILABLE)
    ends = value == "available" != state.status
    return state._replace(status=str(value), active=frozenset() if ends else state.active), UPDATED


_Kind: TypeAlias = "tuple[str, str | int, int | None]"
"""Action, value and code: of one kind, the operation whose time is over first happens first."""


class _Candidate(NamedTuple):
    """A state the license key may be in, and those open operations that happened already: changes, and the others."""

    state: State
    changes: frozenset[int] = frozenset()
    reads: frozenset[int] = frozenset()

    def without(self, number: int) -> _Candidate:
        return _Candidate(self.state, self.changes - {number}, self.reads - {number})


class _Saved(NamedTuple):
    """Where a search was: the event that comes next, the candidates, what was open, and whether any was left out."""

    place: int
    candidates: set[_Candidate]
    opened: set[int]
    is_complete: bool


def check(history: Sequence[Operation], start: State, *, settle_seconds: float = SETTLE_SECONDS) -> Verdict:
    """Say whether a history of one license key is possible."""
    return _Search(history, settle_seconds).run(start)


class _Search:
    """Goes through the events of a history with a few candidates; back a little and with more where none is left."""

    def __init__(self, history: Sequence[Operation], settle_seconds: float) -> None:
        # A verify that nobody saw the answer of says nothing and changes nothing.
        self._history = [one for one in history if one.code is not None or one.action != "verify"]
        self._ends = [one.answered_at + (settle_seconds if one.code is None else 0) for one in self._history]
        self._usual_time = sum(one.answered_at - one.invoked_at for one in history) / (len(history) or 1)
        self._width = NARROWEST
        self._is_complete = True

    def run(self, start: State) -> Verdict:
        events = list(self._events())
        saved = [_Saved(0, {_Candidate(start)}, set(), is_complete=True)]
        place, candidates, opened, hardest = 0, saved[0].candidates, saved[0].opened, 0
        while place < len(events):
            if place > hardest:
                self._width = NARROWEST
            if place - saved[-1].place >= _SPAN:
                saved.append(_Saved(place, candidates, set(opened), self._is_complete))
            reached = self._step(candidates, opened, *events[place])
            if reached:
                place, candidates = place + 1, reached
                continue
            if self._is_complete or self._width >= WIDEST:
                states = tuple({candidate.state for candidate in candidates})
                return Verdict(False, self._history[events[place][1]], states, is_proven=self._is_complete)
            hardest, self._width = max(hardest, place), self._width * 4
            del saved[max(1, len(saved) - self._width.bit_length() // 2 + 1) :]
            place, candidates, opened, self._is_complete = saved[-1]
            opened = set(opened)
        return Verdict(is_possible=True)

    def _step(self, candidates: set[_Candidate], opened: set[int], is_end: bool, number: int) -> set[_Candidate]:
        if not is_end:
            opened.add(number)
            return candidates
        opened.remove(number)
        reached = self._after(candidates, number, opened)
        if self._history[number].code is None:
            reached |= {candidate.without(number) for candidate in candidates}
        return reached

    def _events(self) -> Iterator[tuple[bool, int]]:
        """Yield beginnings and ends in the order of time, beginnings first: what touches may have overlapped."""
        begins = [(one.invoked_at, False, number) for number, one in enumerate(self._history)]
        ends = [(end, True, number) for number, end in enumerate(self._ends)]
        yield from (event[1:] for event in sorted([*begins, *ends], key=itemgetter(0, 1)))

    def _after(self, candidates: set[_Candidate], number: int, opened: set[int]) -> set[_Candidate]:
        """Return candidates in which an operation has happened, of open ones only what was needed before it.

        Those come first in which what happened early would have ended soon anyway: answers come in about the order of
        what they tell.
        """
        operation, moves = self._history[number], _Moves(self._history, self._ends, number, opened)
        heap = [(self._unlikelihood(one, number), place, one) for place, one in enumerate(candidates)]
        heapify(heap)
        seen, reached, steps = set(candidates), set[_Candidate](), 0
        while heap:
            steps += 1
            if len(reached) >= self._width or steps > self._width * _EFFORT:
                self._is_complete = False
                break
            cost, _, candidate = heappop(heap)
            if number in candidate.changes or number in candidate.reads:
                reached.add(candidate.without(number))
                continue
            after, fitting, others = moves.of(candidate.state)
            # What only reads, and read this, may as well have happened now: that rules nothing out.
            changes, reads = candidate.changes, candidate.reads | fitting
            if after is not None and (operation.code is not None or after != candidate.state):
                reached.add(_Candidate(after, changes, reads))
            for state, numbers in others:
                other = next((other for other in numbers if other not in changes), None)
                moved = None if other is None else _Candidate(state, changes | {other}, reads)
                if other is None or moved is None or moved in seen:
                    continue
                seen.add(moved)
                heappush(heap, (cost + self._distance(other, number, _UNKNOWN_TAKEN), len(seen), moved))
        return reached

    def _unlikelihood(self, candidate: _Candidate, number: int) -> float:
        return sum(self._distance(other, number, _UNKNOWN_TAKEN_BEFORE) for other in candidate.changes)

    def _distance(self, other: int, number: int, of_unknown: float) -> float:
        """Return how long after the end of an operation the end of another is."""
        if self._history[other].code is None:
            return of_unknown * self._usual_time
        return self._ends[other] - self._ends[number]


class _Moves:
    """What can happen before an operation ends; found once for each state."""

    def __init__(self, history: Sequence[Operation], ends: Sequence[float], number: int, opened: set[int]) -> None:
        ended = history[number]
        self._ended: _Kind = (ended.action, ended.value, ended.code)
        kinds: dict[_Kind, list[int]] = {}
        for other in sorted(opened, key=ends.__getitem__):
            one = history[other]
            kinds.setdefault((one.action, one.value, one.code), []).append(other)
        self._kinds: Mapping[_Kind, list[int]] = kinds
        self._known: dict[State, tuple[State | None, frozenset[int], list[tuple[State, list[int]]]]] = {}

    def of(self, state: State) -> tuple[State | None, frozenset[int], list[tuple[State, list[int]]]]:
        """Return the state after the operation, if its answer fits; what reads this state; and other changes."""
        if state not in self._known:
            action, value, code = self._ended
            after, answered = apply(state, action, value)
            reads: list[int] = []
            changes = []
            for (action, value, expected), numbers in self._kinds.items():
                changed, got = apply(state, action, value)
                if expected not in _CODES_OF_CHANGES:
                    reads += numbers if got == expected else ()
                elif got == expected or (expected is None and changed != state):
                    changes.append((changed, numbers))
            self._known[state] = (after if code in {None, answered} else None, frozenset(reads), changes)
        return self._known[state]


def write(history: Iterable[Operation], path: Path) -> None:
    """Append a history to a file, one operation a line."""
    with path.open("a") as file:
        file.writelines(json.dumps(asdict(operation)) + "\n" for operation in history)


def read(path: Path) -> list[Operation]:
    """Return the history in a file."""
    return [Operation(**json.loads(line)) for line in path.read_text().splitlines()]
