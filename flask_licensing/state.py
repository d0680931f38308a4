"""What one app's extension consists of once everything is set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import current_app

from flask_licensing.errors import ConfigurationError

if TYPE_CHECKING:
    from flask import Flask

    from flask_licensing.config import Settings
    from flask_licensing.domain import Clock
    from flask_licensing.hooks import Authenticator, KeyStore
    from flask_licensing.networks import CallerAddresses
    from flask_licensing.private_keys.ring import PrivateKeyRing
    from flask_licensing.services.audit_log import AuditLog
    from flask_licensing.services.rate_limits import Limiter

EXTENSION_NAME = "licensing"


@dataclass(frozen=True)
class LicensingState:
    """The parts of one app, collected by ``init_app`` and frozen; it stands in ``app.extensions["licensing"]``."""

    app: Flask
    settings: Settings
    key_store: KeyStore
    private_key_ring: PrivateKeyRing
    authenticator: Authenticator
    clock: Clock
    audit_log: AuditLog
    request_limiter: Limiter
    caller_addresses: CallerAddresses


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
