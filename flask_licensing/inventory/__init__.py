"""Whole stocks of license keys: files in and out."""

from __future__ import annotations

from flask_licensing.http.feature import Feature
from flask_licensing.inventory.commands import COMMANDS
from flask_licensing.inventory.service import LICENSE_KEYS_IMPORTED

FEATURE = Feature(
    commands=COMMANDS,
    audit_actions=(LICENSE_KEYS_IMPORTED,),
)
