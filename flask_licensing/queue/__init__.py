"""License keys that are assigned later and delivered to a webhook (contract section 8)."""

from __future__ import annotations

from flask_licensing.http.feature import Feature
from flask_licensing.queue.checks import check_queue
from flask_licensing.queue.commands import COMMANDS
from flask_licensing.queue.endpoints import ENDPOINTS
from flask_licensing.queue.service import JOB_QUEUED, JOB_RETRIED, QUEUE_PURGED
from flask_licensing.queue.store import QueueStore

FEATURE = Feature(
    groups=(QueueStore,),
    endpoints=ENDPOINTS,
    commands=COMMANDS,
    checks={"queue": check_queue},
    audit_actions=(JOB_QUEUED, JOB_RETRIED, QUEUE_PURGED),
)
