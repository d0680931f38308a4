"""Which of several private keys signs, and in which state each is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.private_keys.versions import PrivateKeyState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_licensing.private_keys.loading import LoadedPrivateKey


class PrivateKeyStates:
    """The state of each of several keys: the furthest one where a key is there more than once."""

    def __init__(self, keys: Sequence[LoadedPrivateKey]) -> None:
        self._furthest: dict[object, PrivateKeyState] = {}
        for key in keys:
            for mark in key.marks:
                known = self._furthest.get(mark, key.state)
                self._furthest[mark] = PrivateKeyState.furthest([key.state, known])

    def of(self, key: LoadedPrivateKey) -> PrivateKeyState | None:
        """Return the state of a key; ``None`` where it is not among them, or could not be loaded."""
        found = [self._furthest[mark] for mark in key.marks if mark in self._furthest]
        return PrivateKeyState.furthest(found) if found else None

    def active(self, keys: Sequence[LoadedPrivateKey]) -> list[LoadedPrivateKey]:
        """Return those of ``keys`` that are active, in their order; those that could not be loaded among them."""
        return [
            key
            for key in keys
            if key.state is PrivateKeyState.ACTIVE and (key.problem or self.of(key) is PrivateKeyState.ACTIVE)
        ]


def choose_private_key(
    keys: Sequence[LoadedPrivateKey], before: LoadedPrivateKey | None
) -> tuple[LoadedPrivateKey | None, str | None]:
    """Return the newest active of ``keys``, which are oldest first; and why, where another one has to sign instead.

    Where that one can't be read, or is gone without another, what signed ``before`` goes on, unless it is there in
    another state: that it stops was said explicitly.
    """
    states = PrivateKeyStates(keys)
    active = states.active(keys)
    if active and not active[-1].problem:
        return active[-1], None
    problem = active[-1].problem if active else None
    if before and states.of(before) in {None, PrivateKeyState.ACTIVE}:
        return before, problem or f"{before.origin} is gone; restart to stop using it"
    readable = [key for key in active if not key.problem]
    return (readable[-1] if readable else None), problem


def problems_of(keys: Sequence[LoadedPrivateKey], signing: LoadedPrivateKey | None) -> list[str]:
    """Return what an operator should know: which keys can't be read, and which are active and don't sign."""
    idle = [
        f"{key.origin} is active and does not sign: {signing.origin} is newer"
        for key in PrivateKeyStates(keys).active(keys)
        if signing and not key.problem and not key.is_same_key(signing)
    ]
    return [key.problem for key in keys if key.problem] + idle
