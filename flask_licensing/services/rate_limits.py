"""How often one may call, and how often an address may fail to say who it is."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Protocol

from flask_licensing.errors import TooManyRequests

if TYPE_CHECKING:
    from flask_licensing.domain import Caller

IPV6_PREFIX_LENGTH = 64
"""The part of an IPv6 address that counts: whoever has one address has the other 2**64 of its network too."""

NO_ADDRESS = "unknown"


class Limiter(Protocol):
    """Counts events by a key and says when there were too many."""

    def hit(self, key: str) -> int | None:
        """Count one more; return ``None`` within the limit, and over it the seconds until it begins anew."""
        ...


class NoLimit:
    """Lets everything through."""

    def hit(self, key: str) -> None:
        """Count nothing."""


def limit_request(limiter: Limiter, caller: Caller) -> None:
    """Count a request of a caller; raise :class:`TooManyRequests` where there were too many."""
    _limit(limiter, caller.id)


def limit_failed_attempts(limiter: Limiter, address: str | None) -> None:
    """Count a failed authentication from an address; raise :class:`TooManyRequests` where there were too many."""
    _limit(limiter, network_of(address))


def network_of(address: str | None) -> str:
    """Return what an address counts as: itself, the /64 network of an IPv6 address, or that there is none."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return NO_ADDRESS
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), IPV6_PREFIX_LENGTH), strict=False))


def _limit(limiter: Limiter, key: str) -> None:
    retry_after = limiter.hit(key)
    if retry_after is not None:
        raise TooManyRequests(retry_after)
