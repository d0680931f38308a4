"""Giving license keys to their owners (contract section 5)."""

from __future__ import annotations

from flask_licensing.assignment.commands import COMMANDS
from flask_licensing.assignment.endpoints import ENDPOINTS
from flask_licensing.assignment.service import LICENSE_KEY_ASSIGNED
from flask_licensing.http.feature import Feature

FEATURE = Feature(endpoints=ENDPOINTS, commands=COMMANDS, audit_actions=(LICENSE_KEY_ASSIGNED,))
