"""The audit log: who changed what, when and from where."""

from __future__ import annotations

from flask_licensing.audit.commands import COMMANDS
from flask_licensing.audit.service import AUDIT_LOG_PURGED, IDEMPOTENCY_RECORDS_PURGED, check_audit_log
from flask_licensing.audit.store import AuditStore, AuditTriggerStore
from flask_licensing.http.feature import Feature

FEATURE = Feature(
    groups=(AuditStore, AuditTriggerStore),
    commands=COMMANDS,
    checks={"audit log": check_audit_log},
    audit_actions=(AUDIT_LOG_PURGED, IDEMPOTENCY_RECORDS_PURGED),
)
