"""A key store in this process's memory, for tests and demos: nothing outlives the process."""

from __future__ import annotations

from flask_licensing.activations.store import MemoryActivations
from flask_licensing.api_keys.store import MemoryApiKeys
from flask_licensing.assignment.store import MemoryStock
from flask_licensing.audit.store import MemoryAuditLog
from flask_licensing.core.store import MemoryIdempotencyRecords
from flask_licensing.generators.store import MemoryGenerators
from flask_licensing.metadata.store import MemoryMetadata
from flask_licensing.orders.store import MemoryOrders
from flask_licensing.queue.store import MemoryQueue


class MemoryKeyStore(
    MemoryOrders,
    MemoryStock,
    MemoryGenerators,
    MemoryActivations,
    MemoryMetadata,
    MemoryQueue,
    MemoryApiKeys,
    MemoryAuditLog,
    MemoryIdempotencyRecords,
):
    """A complete key store without a database; one transaction runs at a time.

    An app that is neither in debug nor in testing mode logs a warning when it starts with this store.
    """
