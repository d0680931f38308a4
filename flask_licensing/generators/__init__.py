"""Generators: how new license keys are made (contract section 5)."""

from __future__ import annotations

from flask_licensing.generators.commands import COMMANDS
from flask_licensing.generators.endpoints import ENDPOINTS
from flask_licensing.generators.service import GENERATOR_CREATED, GENERATOR_UPDATED, LICENSE_KEYS_GENERATED
from flask_licensing.generators.store import GeneratorStore
from flask_licensing.http.feature import Feature

FEATURE = Feature(
    groups=(GeneratorStore,),
    endpoints=ENDPOINTS,
    commands=COMMANDS,
    audit_actions=(GENERATOR_CREATED, GENERATOR_UPDATED, LICENSE_KEYS_GENERATED),
)
"""``get-all-generators`` and ``generate``."""
