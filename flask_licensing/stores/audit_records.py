"""The SQL of the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from flask_licensing import models
from flask_licensing.domain import AuditEvent, AuditRecord, Origin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_TABLE = cast("sa.Table", models.AuditRecord.__table__)
# Nobody asks for the id; without "inline" SQLAlchemy fetches it.
_INSERT = sa.insert(_TABLE).inline()

PURGE_PAGE_SIZE = 10_000
"""Records deleted in one statement."""


def insert_event(connection: sa.Connection, event: AuditEvent) -> None:
    """Store an event, in one statement."""
    connection.execute(
        _INSERT,
        {
            "occurred_at": event.occurred_at,
            "action": str(event.action),
            "actor": event.origin.actor,
            "remote_address": event.origin.remote_address,
            "request_id": event.origin.request_id,
            "product_id": event.product_id,
            "target": event.target,
            "created": event.created,
            "duplicate": event.duplicate,
            "deleted": event.deleted,
            "deleted_before": event.deleted_before,
        },
    )


def select_records(
    connection: sa.Connection, before_id: int | None, limit: int, *, since: datetime | None, action: str | None
) -> Sequence[AuditRecord]:
    """Return a page of records, newest first."""
    query = sa.select(_TABLE).order_by(_TABLE.c.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(_TABLE.c.id < before_id)
    if since is not None:
        query = query.where(_TABLE.c.occurred_at >= since)
    if action is not None:
        query = query.where(_TABLE.c.action == action)
    return [_to_record(row) for row in connection.execute(query)]


def count_records(connection: sa.Connection, before: datetime) -> int:
    """Return how many records are of events before then."""
    query = sa.select(sa.func.count()).select_from(_TABLE).where(_TABLE.c.occurred_at < before)
    return connection.scalar(query) or 0


def purge_records(connection: sa.Connection, before: datetime, event: AuditEvent) -> int:
    """Store the event of a purge, and delete the records from before then, which the triggers permit from there on."""
    insert_event(connection, event)
    is_old = _TABLE.c.occurred_at < before
    page = sa.select(_TABLE.c.id).where(is_old).order_by(_TABLE.c.id).limit(PURGE_PAGE_SIZE)
    deleted = 0
    # One DELETE of everything may read the whole table, and MariaDB then locks it against new records.
    while ids := connection.scalars(page).all():
        statement = sa.delete(_TABLE).where(_TABLE.c.id.between(ids[0], ids[-1]), is_old)
        deleted += connection.execute(statement).rowcount
    return deleted


def _to_record(row: sa.Row[tuple[object, ...]]) -> AuditRecord:
    event = AuditEvent(
        occurred_at=row.occurred_at,
        action=row.action,
        origin=Origin(row.actor, row.remote_address, row.request_id),
        product_id=row.product_id,
        target=row.target,
        created=row.created,
        duplicate=row.duplicate,
        deleted=row.deleted,
        deleted_before=row.deleted_before,
    )
    return AuditRecord(row.id, event)
