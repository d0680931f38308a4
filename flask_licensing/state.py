"""What one app's extension consists of once everything is set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from flask_licensing.config import Settings
    from flask_licensing.hooks import Authenticator, Clock, KeyStore, PrivateKeySource
    from flask_licensing.key_ring import KeyRing


@dataclass(frozen=True)
class LicensingState:
    """The parts of one app, collected by ``init_app`` and frozen; it stands in ``app.extensions["licensing"]``."""

    app: Flask
    settings: Settings
    key_store: KeyStore
    private_key_source: PrivateKeySource
    key_ring: KeyRing
    authenticator: Authenticator
    clock: Clock
