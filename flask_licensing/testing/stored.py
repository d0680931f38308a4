"""Reading what is stored, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask_licensing.hooks import LicenseKeyPageStore
    from flask_licensing.license_keys.store import LicenseKey, LicenseKeyStatus


def list_license_keys(
    store: LicenseKeyPageStore,
    *,
    limit: int = 10_000,
    product_id: int | None = None,
    status: LicenseKeyStatus | None = None,
) -> list[LicenseKey]:
    """Return all license keys of a store, in pages of ``limit``; ``None`` is any."""
    listed: list[LicenseKey] = []
    while True:
        after_id = listed[-1].id if listed else 0
        page = store.list_license_keys(after_id, limit, product_id=product_id, status=status)
        listed += page
        if not page:
            return listed


def find_license_key(store: LicenseKeyPageStore, license_key: str) -> LicenseKey | None:
    """Return the stored license key that is exactly this one, or ``None``."""
    return next((key for key in list_license_keys(store) if key.license_key == license_key), None)
