"""License keys."""

from __future__ import annotations

from flask_licensing.http.feature import Feature
from flask_licensing.license_keys.commands import COMMANDS
from flask_licensing.license_keys.endpoints import CREATE_LICENSE_KEYS
from flask_licensing.license_keys.service import LICENSE_KEYS_CREATED
from flask_licensing.license_keys.store import LicenseKeyPageStore, LicenseKeyRowStore, LicenseKeyStore

FEATURE = Feature(
    groups=(LicenseKeyStore, LicenseKeyRowStore, LicenseKeyPageStore),
    endpoints=(CREATE_LICENSE_KEYS,),
    commands=COMMANDS,
    audit_actions=(LICENSE_KEYS_CREATED,),
)
