"""Key stores with one fault each, which let more identifiers be active than the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import current_app

from flask_licensing.models import Activation, LicenseKey
from flask_licensing.stores.sqlalchemy import SQLAlchemyKeyStore

if TYPE_CHECKING:
    from flask_licensing.activations.store import LicenseKeyState


class _Faulty:
    """The default key store but for its fault."""

    def __init__(self) -> None:
        self._store = SQLAlchemyKeyStore(lambda: current_app.extensions["sqlalchemy"].session)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class WithoutTheLock(_Faulty):
    def lock_license_key_state(self, license_key: str, identifier: str) -> LicenseKeyState | None:
        return self._store.find_license_key_state(license_key, identifier)


class CountingBeforeTheLock(_Faulty):
    """For workers that serve one request at a time."""

    _counted = 0

    def lock_license_key_state(self, license_key: str, identifier: str) -> LicenseKeyState | None:
        session = current_app.extensions["sqlalchemy"].session
        counted = sa.select(sa.func.count()).join(LicenseKey, LicenseKey.id == Activation.license_key_id)
        self._counted = session.scalar(counted.where(LicenseKey.license_key == license_key, Activation.active))
        return self._store.lock_license_key_state(license_key, identifier)

    def count_active(self, license_key_id: int) -> int:
        return self._counted
