"""Which of several private keys signs, and in which state each is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flask_licensing.domain import PrivateKeyState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_licensing.private_keys.loading import LoadedVersion


class Choice(NamedTuple):
    """What signs, and why that is not the newest active key, if it is not; both ``None`` where no key is active."""

    version: LoadedVersion | None
    problem: str | None


def choose_version(versions: Sequence[LoadedVersion], before: LoadedVersion | None) -> Choice:
    """Return the newest active of ``versions``, which are oldest first.

    Where that one can't be read, or is gone without another, what signed ``before`` goes on, unless it is there in
    another state: that it stops was said explicitly.
    """
    active = [version for version in versions if _is_active(version, versions)]
    newest = active[-1] if active else None
    if newest and newest.key:
        return Choice(newest, None)
    problem = newest.problem if newest else None
    if before and state_of(before, versions) in {None, PrivateKeyState.ACTIVE}:
        return Choice(before, problem or f"{before.origin} is gone; restart to stop using it")
    readable = [version for version in active if version.key]
    return Choice(readable[-1] if readable else None, problem)


def state_of(wanted: LoadedVersion, versions: Sequence[LoadedVersion]) -> PrivateKeyState | None:
    """Return the state of a key, the furthest one where it is there more than once; ``None`` where it is not there."""
    states = [version.state for version in versions if version.has_same_key(wanted)]
    return PrivateKeyState.furthest(states) if states else None


def problems_of(versions: Sequence[LoadedVersion], signing: LoadedVersion | None) -> list[str]:
    """Return what an operator should know: which versions can't be read, and which are active and don't sign."""
    unreadable = [version.problem for version in versions if version.problem]
    idle = [
        f"{version.origin} is active and does not sign: {signing.origin} is newer"
        for version in versions
        if signing and _is_active(version, versions) and version.key and not version.has_same_key(signing)
    ]
    return unreadable + idle


def _is_active(version: LoadedVersion, versions: Sequence[LoadedVersion]) -> bool:
    if version.state is not PrivateKeyState.ACTIVE:
        return False
    return version.key is None or state_of(version, versions) is PrivateKeyState.ACTIVE
