"""How often a caller may call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flask_licensing.errors import TooManyRequests

if TYPE_CHECKING:
    from flask_licensing.domain import Caller


class Limiter(Protocol):
    """Counts events by a key and says when there were too many."""

    def hit(self, key: str) -> int | None:
        """Count one more; return ``None`` within the limit, and over it the seconds until it begins again."""
        ...


class NoLimit:
    """Lets everything through."""

    def hit(self, key: str) -> None:
        """Count nothing."""


def limit_request(limiter: Limiter, caller: Caller) -> None:
    """Count a request of a caller; raise :class:`TooManyRequests` where there were too many."""
    retry_after = limiter.hit(caller.id)
    if retry_after is not None:
        raise TooManyRequests(retry_after)
