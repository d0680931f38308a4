"""Metadata: values that a site keeps with license keys and products under keys of its own."""

from __future__ import annotations

from flask_licensing.core.metadata import MetadataStore
from flask_licensing.http.feature import Feature
from flask_licensing.metadata.commands import COMMANDS
from flask_licensing.metadata.endpoints import ENDPOINTS
from flask_licensing.metadata.service import CHANGES
from flask_licensing.metadata.store import MetadataChangeStore, MetadataImportStore

FEATURE = Feature(
    groups=(MetadataStore, MetadataChangeStore, MetadataImportStore),
    endpoints=ENDPOINTS,
    commands=COMMANDS,
    audit_actions=tuple(change.action for change in CHANGES),
)
