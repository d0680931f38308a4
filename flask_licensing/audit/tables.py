"""The audit log in the database of a session: the table and its SQL."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from flask_licensing.audit import store as audit_store
from flask_licensing.audit import triggers as audit_triggers
from flask_licensing.core import domain
from flask_licensing.core.tables import Base, SessionTables, table_of, text_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask_licensing.core.domain import AuditEvent

PURGE_PAGE_SIZE = 10_000
"""Records deleted in one statement."""


class AuditRecord(Base):
    """One change of the other tables.

    There is no foreign key: records outlive what they tell of.
    """

    __tablename__ = audit_triggers.AUDIT_TABLE
    __table_args__ = (
        sa.PrimaryKeyConstraint("id", name="pk_licensing_audit_records"),
        sa.Index("ix_licensing_audit_records_occurred_at", "occurred_at"),
        sa.Index("ix_licensing_audit_records_action_id", "action", "id"),
    )

    # Ids of 32 bits can be used up; on SQLite, whose integers have 64, only an INTEGER counts by itself.
    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"))
    occurred_at: Mapped[datetime] = mapped_column(sa.DateTime)
    action: Mapped[str] = mapped_column(sa.String(64))
    actor: Mapped[str] = mapped_column(text_type())
    remote_address: Mapped[str | None] = mapped_column(text_type(domain.MAX_ADDRESS_LENGTH))
    request_id: Mapped[str | None] = mapped_column(sa.String(domain.MAX_REQUEST_ID_LENGTH))
    product_id: Mapped[int | None] = mapped_column(sa.Integer)
    target: Mapped[str | None] = mapped_column(text_type())
    created: Mapped[int | None] = mapped_column(sa.Integer)
    duplicate: Mapped[int | None] = mapped_column(sa.Integer)
    deleted: Mapped[int | None] = mapped_column(sa.Integer)
    deleted_before: Mapped[datetime | None] = mapped_column(sa.DateTime)


_TABLE = table_of(AuditRecord)
# The id is not needed; without "inline" SQLAlchemy fetches it.
_INSERT = sa.insert(_TABLE).inline()


class AuditTables(SessionTables):
    """The audit log in the database of a session."""

    model: ClassVar[type[Base]] = AuditRecord

    def add_audit_event(self, event: AuditEvent) -> None:
        """Store an event, in one statement."""
        self._execute(
            _INSERT,
            occurred_at=event.occurred_at,
            action=str(event.action),
            actor=event.origin.actor,
            remote_address=event.origin.remote_address,
            request_id=event.origin.request_id,
            product_id=event.product_id,
            target=event.target,
            created=event.created,
            duplicate=event.duplicate,
            deleted=event.deleted,
            deleted_before=event.deleted_before,
        )

    def list_audit_records(
        self, before_id: int | None, limit: int, *, since: datetime | None, action: str | None
    ) -> Sequence[audit_store.AuditRecord]:
        """Return a page of records, newest first."""
        query = sa.select(_TABLE).order_by(_TABLE.c.id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(_TABLE.c.id < before_id)
        if since is not None:
            query = query.where(_TABLE.c.occurred_at >= since)
        if action is not None:
            query = query.where(_TABLE.c.action == action)
        return [_to_record(row) for row in self._execute(query)]

    def count_audit_records(self, before: datetime) -> int:
        """Return how many records are of events before then."""
        query = sa.select(sa.func.count()).select_from(_TABLE).where(_TABLE.c.occurred_at < before)
        return self._connection().scalar(query) or 0

    def purge_audit_records(self, before: datetime, event: AuditEvent) -> int:
        """Store the event of a purge, and delete the records from before then, which triggers permit from there on."""
        self.add_audit_event(event)
        is_old = _TABLE.c.occurred_at < before
        page = sa.select(_TABLE.c.id).where(is_old).order_by(_TABLE.c.id).limit(PURGE_PAGE_SIZE)
        deleted = 0
        # One DELETE of everything may read the whole table, and MariaDB then locks it against new records.
        while ids := self._connection().scalars(page).all():
            statement = sa.delete(_TABLE).where(_TABLE.c.id.between(ids[0], ids[-1]), is_old)
            deleted += self._execute(statement).rowcount
        return deleted

    def find_audit_triggers(self) -> Mapping[str, bool] | None:
        """Return the names of the audit log's triggers, and whether each is there; ``None`` if that is unknown."""
        return audit_triggers.find_triggers(self._connection())

    def create_audit_triggers(self) -> None:
        """Create the audit log's triggers, in place of those that are there."""
        audit_triggers.create_triggers(self._connection())


def _to_record(row: sa.Row[tuple[object, ...]]) -> audit_store.AuditRecord:
    event = domain.AuditEvent(
        occurred_at=row.occurred_at,
        action=row.action,
        origin=domain.Origin(row.actor, row.remote_address, row.request_id),
        product_id=row.product_id,
        target=row.target,
        created=row.created,
        duplicate=row.duplicate,
        deleted=row.deleted,
        deleted_before=row.deleted_before,
    )
    return audit_store.AuditRecord(row.id, event)
