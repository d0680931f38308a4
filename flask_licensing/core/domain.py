"""The things the package deals in, as frozen dataclasses that know no framework and no database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_TEXT_LENGTH = 255
"""Longest license key, owner name and owner e-mail address, in characters (contract section 4)."""

MAX_ADDRESS_LENGTH = 64
"""Longest address kept of a caller, in characters; an IPv6 address with a zone has fewer."""

MAX_REQUEST_ID_LENGTH = 128
"""Longest request id taken from a client, in characters."""

MAX_INTEGER = 2**31 - 1
"""Largest integer every supported database stores in an ``INTEGER`` column."""

EARLIEST_DATE = datetime(1000, 1, 1)
"""First date every supported database stores (MariaDB's ``DATETIME`` begins here)."""

MAX_VALIDITY_DAYS = (datetime.max - EARLIEST_DATE).days
"""Longest validity, in days: no stored date plus more than this is a date."""


Clock: TypeAlias = "Callable[[], datetime]"
"""Returns the current time as naive UTC. The default is :func:`utc_now`."""


def utc_now() -> datetime:
    """Return the current time as naive UTC: the default clock."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a caller presents: the API key, if any, the endpoint it asks for and the address it calls from.

    ``now`` is the time of the request, naive UTC.
    """

    secret: str | None = field(repr=False)
    endpoint: str
    remote_address: str | None
    now: datetime = field(default_factory=utc_now, compare=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever an authenticator let in; ``id`` is stable and keeps one caller's idempotency keys from another's.

    ``record_use`` is called in a transaction of its own after that of the request, if the request was neither refused
    nor a repetition; where it raises, the log says so.
    """

    id: str
    record_use: Callable[[], None] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class SignedAnswer:
    """A finished answer: the exact ``body`` that goes over the wire and its HTTP ``status``.

    ``signing_key_id`` is the id of the key that signed it, of 43 characters; ``None`` where it is unsigned, or the key
    does not tell its public part.
    """

    body: str
    status: int
    signing_key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change comes from.

    ``actor`` is the id of an authenticated caller, ``command:NAME`` or ``host``; the other two are ``None`` outside
    requests.
    """

    actor: str
    remote_address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One change of a key store: who made it, from where, and when (naive UTC). It holds no secret and no license key.

    ``action`` is one of those in docs/audit-log.md. ``target`` names what was changed where that is no product. The
    counts are those the action has; ``deleted_before`` is the date of a purge.
    """

    occurred_at: datetime
    action: str
    origin: Origin
    product_id: int | None = None
    target: str | None = None
    created: int | None = None
    duplicate: int | None = None
    deleted: int | None = None
    deleted_before: datetime | None = None


def naive_utc(moment: datetime) -> datetime:
    """Return a moment, aware or naive UTC, as naive UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


Authenticator: TypeAlias = "Callable[[Credentials], Caller]"
"""Decides who may call. Called once per request, inside its transaction and its Flask request context.

Return a :class:`Caller`; refuse by raising a subclass of
:class:`~flask_licensing.errors.AuthenticationError`. The default knows callers by the API keys of the key store.
"""
