"""The things the package deals in, as frozen dataclasses that know no framework and no database."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Network, IPv6Network

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


class LicenseKeyStatus(StrEnum):
    """What state a license key is in (contract section 4)."""

    AVAILABLE = "available"
    ASSIGNED = "assigned"
    RESERVED = "reserved"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Product:
    """A piece of software that license keys are sold for."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class LicenseKeyTerms:
    """What all license keys of one request have in common.

    ``validity`` is in days, 0 meaning that the key does not expire; ``activation_limit`` 0 means unlimited;
    ``assigned_at`` is naive UTC without microseconds.
    """

    product_id: int
    activation_limit: int
    validity: int
    status: LicenseKeyStatus
    owner_name: str | None = None
    owner_email: str | None = None
    assigned_at: datetime | None = None

    def to_values(self) -> dict[str, Any]:
        """Return the terms by name, as rows of tables and files have them: the status is its text."""
        return {name: getattr(self, name) for name in TERMS} | {"status": self.status.value}


class GivenTerms(TypedDict, total=False):
    """Terms as host code gives them, to be checked: what is not given, or ``None``, is absent."""

    product_id: int | None
    activation_limit: int | None
    validity: int | None
    status: str | None
    owner_name: str | None
    owner_email: str | None
    assigned_at: datetime | str | None


TERMS = tuple(term.name for term in fields(LicenseKeyTerms))
"""The names of the terms, and of the columns that hold them in tables and files, in this order."""


@dataclass(frozen=True, slots=True)
class LicenseKey:
    """One stored license key with its terms."""

    id: int
    license_key: str
    terms: LicenseKeyTerms
    created_at: datetime

    @property
    def expires_at(self) -> datetime | None:
        """When the key expires (naive UTC): assignment plus validity, ``None`` where it never does."""
        if self.terms.assigned_at is None or self.terms.validity == 0:
            return None
        return self.terms.assigned_at + timedelta(days=self.terms.validity)


@dataclass(frozen=True, slots=True)
class LicenseKeyBatch:
    """A checked request to create license keys: ``license_keys`` as sent, repetitions included."""

    license_keys: tuple[str, ...]
    terms: LicenseKeyTerms


@dataclass(frozen=True, slots=True)
class CreationResult:
    """How many license keys of a batch were created and how many were there already."""

    created: int
    duplicate: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as stored: everything but its secret, of which only a hash is kept.

    ``capabilities`` and ``allowed_networks`` are ``None`` where the key is not limited. Times are naive UTC.
    """

    id: int
    name: str
    active: bool
    capabilities: frozenset[str] | None
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] | None
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime

    def is_usable_at(self, moment: datetime) -> bool:
        """Whether the key is active and has not expired at ``moment`` (naive UTC)."""
        return self.active and (self.expires_at is None or moment < self.expires_at)


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """An API key just created, with the one and only showing of its ``secret``."""

    api_key: ApiKey
    secret: str = field(repr=False)


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
class IdempotencyRecord:
    """The answer that an ``Idempotency-Key`` stands for.

    ``key_digest`` is the SHA-256 (hex) of caller, endpoint and key; ``payload_digest`` that of the request's fields.
    """

    key_digest: str
    payload_digest: str
    answer: SignedAnswer
    created_at: datetime


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


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A stored event; ids grow."""

    id: int
    event: AuditEvent


def naive_utc(moment: datetime) -> datetime:
    """Return a moment, aware or naive UTC, as naive UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


Authenticator: TypeAlias = "Callable[[Credentials], Caller]"
"""Decides who may call. Called once per request, inside its transaction and its Flask request context.

Return a :class:`Caller`; refuse by raising a subclass of
:class:`~flask_licensing.errors.AuthenticationError`. The default knows callers by the API keys of the key store.
"""
