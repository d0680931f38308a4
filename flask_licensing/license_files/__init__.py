"""License files: what lets a program run without a network for some days (contract section 11)."""

from __future__ import annotations

from flask_licensing.http.feature import Feature
from flask_licensing.license_files.commands import COMMANDS
from flask_licensing.license_files.endpoints import ENDPOINTS
from flask_licensing.license_files.service import LICENSE_FILE_CREATED

FEATURE = Feature(endpoints=ENDPOINTS, commands=COMMANDS, audit_actions=(LICENSE_FILE_CREATED,))
