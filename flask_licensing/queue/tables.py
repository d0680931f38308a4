"""The table of the queue, and its SQL."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from flask_licensing.core.tables import Base, SessionTables, table_of, text_type
from flask_licensing.queue import store
from flask_licensing.queue.store import ENDED, JobStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class QueueJob(Base):
    """License keys to be assigned and delivered to a webhook."""

    __tablename__ = "licensing_queue_jobs"
    __table_args__ = (
        sa.PrimaryKeyConstraint("id", name="pk_licensing_queue_jobs"),
        sa.Index("ix_licensing_queue_jobs_status", "status", "due_at", "id"),
    )

    id: Mapped[int] = mapped_column(sa.Integer)
    # No foreign key: a job outlives its product.
    product_id: Mapped[int] = mapped_column(sa.Integer)
    quantity: Mapped[int] = mapped_column(sa.Integer)
    generate: Mapped[bool] = mapped_column(sa.Boolean)
    owner_name: Mapped[str | None] = mapped_column(text_type())
    owner_email: Mapped[str | None] = mapped_column(text_type())
    identifier: Mapped[str] = mapped_column(text_type())
    webhook_url: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime)
    due_at: Mapped[datetime] = mapped_column(sa.DateTime)
    status: Mapped[str] = mapped_column(sa.String(16))
    failures: Mapped[int] = mapped_column(sa.Integer)
    outcome: Mapped[str | None] = mapped_column(text_type())
    # TEXT ends at 64 kB on MySQL and MariaDB.
    body: Mapped[str | None] = mapped_column(sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"))


_TABLE = table_of(QueueJob)
_COLUMNS = tuple(column.name for column in _TABLE.columns)
_CHANGING = ("due_at", "failures", "outcome", "body")
_BY_ID = _TABLE.c.id == sa.bindparam("job_id")
_LOCK = sa.select(_TABLE).where(_BY_ID).with_for_update()
# SQLite locks the whole database, at the first statement of a transaction that could write.
_BEGIN_TO_WRITE = sa.update(_TABLE).where(_TABLE.c.id == -1).values(id=-1)


class QueueTables(SessionTables):
    """The queue in the database of a session."""

    model: ClassVar[type[Base]] = QueueJob

    def add_job(self, job: store.Job) -> store.Job:
        """Store a new job and return it with its id."""
        values = {name: getattr(job, name) for name in _COLUMNS if name != "id"}
        values["id"] = self._insert(QueueJob, values | {"status": job.status.value})
        return store.Job(**values)

    def lock_job(self, job_id: int) -> store.Job | None:
        """Return a job as it is at this moment, its row locked, or ``None``."""
        connection = self._connection()
        if connection.dialect.name == "sqlite":
            connection.execute(_BEGIN_TO_WRITE)
        row = connection.execute(_LOCK, {"job_id": job_id}).one_or_none()
        return None if row is None else _to_job(row)

    def update_job(self, job: store.Job) -> None:
        """Store what changes of a job."""
        values = {name: getattr(job, name) for name in _CHANGING}
        update = sa.update(_TABLE).where(_BY_ID).values(status=job.status.value, **values)
        self._execute(update, job_id=job.id)

    def list_jobs(self, statuses: Collection[JobStatus], *, after_id: int, limit: int) -> Sequence[store.Job]:
        """Return a page of jobs, by id."""
        page = sa.select(_TABLE).where(_TABLE.c.id > after_id, _has(statuses)).order_by(_TABLE.c.id).limit(limit)
        return [_to_job(row) for row in self._connection().execute(page)]

    def list_due_jobs(self, now: datetime, limit: int) -> Sequence[int]:
        """Return the ids of jobs that are due, those first that were due first."""
        due = sa.select(_TABLE.c.id).where(_has((JobStatus.WAITING, JobStatus.SENDING)), _TABLE.c.due_at <= now)
        return self._connection().scalars(due.order_by(_TABLE.c.due_at, _TABLE.c.id).limit(limit)).all()

    def count_jobs(self, status: JobStatus, due_before: datetime) -> int:
        """Return how many jobs have a status and are due since then."""
        return self._number(sa.func.count(), _has((status,)), _TABLE.c.due_at <= due_before)

    def count_promised_license_keys(self, product_id: int) -> int:
        """Return how many license keys of the stock of a product jobs wait for."""
        of_stock = (_TABLE.c.product_id == product_id, ~_TABLE.c.generate, _TABLE.c.body.is_(None))
        return self._number(sa.func.coalesce(sa.func.sum(_TABLE.c.quantity), 0), _has((JobStatus.WAITING,)), *of_stock)

    def delete_jobs(self, before: datetime) -> int:
        """Delete the jobs that ended before then; return how many those were."""
        deleted: int = self._execute(sa.delete(_TABLE).where(_has(ENDED), _TABLE.c.due_at < before)).rowcount
        return deleted

    def _number(self, what: sa.ColumnElement[Any], *conditions: sa.ColumnElement[bool]) -> int:
        return int(self._connection().execute(sa.select(what).select_from(_TABLE).where(*conditions)).scalar_one())


def _has(statuses: Collection[JobStatus]) -> sa.ColumnElement[bool]:
    return _TABLE.c.status.in_([status.value for status in statuses])


def _to_job(row: sa.Row[Any]) -> store.Job:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return store.Job(**values | {"status": JobStatus(row.status)})
