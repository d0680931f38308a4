"""Giving license keys to their owners (contract section 5)."""

from __future__ import annotations

from flask_licensing.assignment.commands import COMMANDS
from flask_licensing.assignment.endpoints import ENDPOINTS
from flask_licensing.assignment.service import LICENSE_KEY_ASSIGNED
from flask_licensing.assignment.stock import LICENSE_KEYS_ASSIGNED
from flask_licensing.assignment.store import StockStore
from flask_licensing.http.feature import Feature

FEATURE = Feature(
    groups=(StockStore,),
    endpoints=ENDPOINTS,
    commands=COMMANDS,
    audit_actions=(LICENSE_KEY_ASSIGNED, LICENSE_KEYS_ASSIGNED),
)
