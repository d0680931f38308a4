"""Using license keys: verify, activate, deactivate, and who uses which (contract sections 5, 6 and 8)."""

from __future__ import annotations

from flask_licensing.activations.commands import COMMANDS
from flask_licensing.activations.endpoints import ENDPOINTS
from flask_licensing.activations.service import LICENSE_KEY_ACTIVATED, LICENSE_KEY_DEACTIVATED
from flask_licensing.activations.store import ActivationStore
from flask_licensing.http.feature import Feature

FEATURE = Feature(
    groups=(ActivationStore,),
    endpoints=ENDPOINTS,
    commands=COMMANDS,
    audit_actions=(LICENSE_KEY_ACTIVATED, LICENSE_KEY_DEACTIVATED),
)
