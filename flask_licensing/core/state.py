"""What one app's extension consists of once everything is set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from flask import current_app

from flask_licensing.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from flask import Flask

    from flask_licensing.core.domain import AuditEvent, Authenticator, Clock
    from flask_licensing.core.networks import CallerAddresses
    from flask_licensing.core.settings import Settings
    from flask_licensing.core.store import KeyStore
    from flask_licensing.core.wire import PrivateKeyUsed

EXTENSION_NAME = "licensing"

Check: TypeAlias = "Callable[[LicensingState], tuple[bool, str]]"
"""Looks at one thing: whether it is well, and what was found, with the fix where it is not."""


class SigningPrivateKey(Protocol):
    """A private key that signs answers."""

    @property
    def key_id(self) -> str | None:
        """The id of its public part, where that is known."""
        ...

    @property
    def signer(self) -> object:
        """What makes the signatures; one and the same where a key is loaded for several products."""
        ...

    @property
    def is_remote(self) -> bool:
        """Whether the private key stays elsewhere, so that signing may take long."""
        ...

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature of ``data``; may raise anything."""
        ...


class PrivateKeys(Protocol):
    """The private keys of an app."""

    def key_for(self, product_id: int | None) -> tuple[SigningPrivateKey, PrivateKeyUsed] | None:
        """Return what signs, and whose it is; ``None`` where there is neither a product's nor a global private key.

        Raises:
            PrivateKeyError: there are private keys, and none that can sign this.

        """
        ...

    def check(self) -> None:
        """Raise :class:`~flask_licensing.errors.PrivateKeyError` where the global private key can't be used."""
        ...


class AuditLog(Protocol):
    """Where changes are recorded."""

    @property
    def is_kept(self) -> bool:
        """Whether there is a place for records."""
        ...

    def add(self, event: AuditEvent) -> None:
        """Record a change, in the transaction that makes it."""
        ...


class RequestLimiter(Protocol):
    """Counts requests by caller and says when there were too many."""

    def hit(self, key: str) -> int | None:
        """Count one more; return ``None`` within the limit, and over it the seconds until it begins again."""
        ...


@dataclass(frozen=True)
class LicensingState:
    """The parts of one app, collected by ``init_app`` and frozen; it stands in ``app.extensions["licensing"]``."""

    app: Flask
    settings: Settings
    key_store: KeyStore
    private_key_ring: PrivateKeys
    authenticator: Authenticator
    clock: Clock
    audit_log: AuditLog
    request_limiter: RequestLimiter
    caller_addresses: CallerAddresses
    job_dispatcher: Callable[[int], object] | None
    """Tells the site's own queue of a job that was stored."""
    license_key_generators: Mapping[str, Callable[..., Sequence[str]]]
    """The site's functions that make license keys, by name."""
    checks: Mapping[str, Check]
    """What ``flask licensing check`` looks at, by name."""
    audit_actions: Collection[str]
    """What the audit log may tell of."""
    capabilities: frozenset[str]
    """What an API key may be limited to: the name of each endpoint (contract section 2) that the app has."""
    missing_methods: Sequence[str]
    """The methods that the key store has not, of groups that it need not have."""
    describe_api: Callable[[str], dict[str, Any]]
    """Returns the description of the API that is under a URL, as OpenAPI 3.1."""


def current_state() -> LicensingState:
    """Return what the current app's licensing consists of. Needs an app context.

    Raises:
        ConfigurationError: the app has no licensing.

    """
    state = current_app.extensions.get(EXTENSION_NAME)
    if not isinstance(state, LicensingState):
        raise ConfigurationError(
            f"flask_licensing is not set up on the app {current_app.name!r}: call licensing.init_app(app)."
        )
    return state
