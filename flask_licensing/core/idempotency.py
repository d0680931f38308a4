"""One effect and one answer per ``Idempotency-Key`` (contract section 3)."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from datetime import datetime
from typing import TYPE_CHECKING

from flask_licensing.core.store import IdempotencyRecord
from flask_licensing.errors import IdempotencyKeyReused

if TYPE_CHECKING:
    from flask_licensing.core.domain import Caller, SignedAnswer
    from flask_licensing.core.store import IdempotencyStore


class IdempotentRequest:
    """One request with an ``Idempotency-Key``: finds the answer that was given to it before, or remembers the first.

    The key belongs to its caller and endpoint. ``payload`` is what the endpoint read from the fields.
    """

    def __init__(self, store: IdempotencyStore, *, caller: Caller, endpoint: str, key: str, payload: object) -> None:
        self._store = store
        self._key_digest = _digest([caller.id, endpoint, key])
        self._payload_digest = _digest(payload)

    def find_answer(self) -> SignedAnswer | None:
        """Return the answer given before, or ``None``.

        Raises:
            IdempotencyKeyReused: it was given to another payload.

        """
        record = self._store.find_idempotency_record(self._key_digest)
        if record is None:
            return None
        if record.payload_digest != self._payload_digest:
            raise IdempotencyKeyReused
        return record.answer

    def remember(self, answer: SignedAnswer, now: datetime) -> None:
        """Store the answer; raises :class:`~flask_licensing.errors.IdempotencyConflict` where one is stored by now."""
        record = IdempotencyRecord(self._key_digest, self._payload_digest, answer, now)
        self._store.add_idempotency_record(record)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, default=_as_json, sort_keys=True).encode()).hexdigest()


def _as_json(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {member.name: getattr(value, member.name) for member in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    # What stands for a field that was sent twice is the one JSON value that no request can hold.
    return math.nan
