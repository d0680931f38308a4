"""API keys: who may call, and which endpoints."""

from __future__ import annotations

from flask_licensing.api_keys.commands import COMMANDS
from flask_licensing.api_keys.service import API_KEY_CREATED, API_KEY_REVOKED, check_api_keys
from flask_licensing.api_keys.store import ApiKeyStore
from flask_licensing.http.feature import Feature

FEATURE = Feature(
    groups=(ApiKeyStore,),
    commands=COMMANDS,
    checks={"API keys": check_api_keys},
    audit_actions=(API_KEY_CREATED, API_KEY_REVOKED),
)
