"""License keys."""

from __future__ import annotations

from flask_licensing.http.feature import Feature
from flask_licensing.license_keys.commands import COMMANDS
from flask_licensing.license_keys.endpoints import ENDPOINTS
from flask_licensing.license_keys.service import (
    LICENSE_KEY_DELETED,
    LICENSE_KEY_REPLACED,
    LICENSE_KEY_UPDATED,
    LICENSE_KEYS_CREATED,
)
from flask_licensing.license_keys.store import (
    LicenseKeyChangeStore,
    LicenseKeyPageStore,
    LicenseKeyRowStore,
    LicenseKeySearchStore,
    LicenseKeyStore,
)

FEATURE = Feature(
    groups=(LicenseKeyStore, LicenseKeyRowStore, LicenseKeyPageStore, LicenseKeySearchStore, LicenseKeyChangeStore),
    endpoints=ENDPOINTS,
    commands=COMMANDS,
    audit_actions=(LICENSE_KEYS_CREATED, LICENSE_KEY_UPDATED, LICENSE_KEY_REPLACED, LICENSE_KEY_DELETED),
)
