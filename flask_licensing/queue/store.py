"""The queue: jobs of license keys to be assigned and delivered, what a key store does with them, and in memory."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from flask_licensing.core.store import MemoryTables, TransactionStore

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 360))
"""How long after each failure a job is tried again; after one more it is given up (contract section 8)."""


class JobStatus(StrEnum):
    """What has become of a job."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"
    UNKNOWN = "unknown"


ENDED = (JobStatus.DELIVERED, JobStatus.GIVEN_UP, JobStatus.UNKNOWN)
"""What no worker touches again by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """License keys to be assigned once and delivered to a webhook. Times are naive UTC.

    ``body`` is what is posted, to the byte, from when the keys are assigned to when it is delivered. ``due_at`` is when
    something is to be done next: for a job that is being sent, when no worker can be sending it any more. ``failures``
    are the tries that failed, ``outcome`` says how the last one ended.
    """

    id: int
    product_id: int
    quantity: int
    generate: bool
    owner_name: str | None = field(repr=False)
    owner_email: str | None = field(repr=False)
    identifier: str = field(repr=False)
    webhook_url: str = field(repr=False)
    created_at: datetime
    due_at: datetime
    status: JobStatus = JobStatus.WAITING
    failures: int = 0
    outcome: str | None = None
    body: str | None = field(default=None, repr=False)

    def failed(self, outcome: str, now: datetime) -> Job:
        """Return the job after one more failure: waiting for its next try, or given up."""
        is_last = self.failures >= len(PAUSES)
        return dataclasses.replace(
            self,
            status=JobStatus.GIVEN_UP if is_last else JobStatus.WAITING,
            due_at=now if is_last else now + PAUSES[self.failures],
            failures=self.failures + 1,
            outcome=outcome,
        )


class QueueStore(TransactionStore, Protocol):
    """A key store that keeps the queue."""

    def add_job(self, job: Job) -> Job:
        """Store a new job, whose id does not count, and return it with its id."""
        ...

    def lock_job(self, job_id: int) -> Job | None:
        """Return a job as it is at this moment, or ``None``.

        From here to the end of the transaction no other transaction gets it from this method.
        """
        ...

    def update_job(self, job: Job) -> None:
        """Store ``status``, ``due_at``, ``failures``, ``outcome`` and ``body`` of a locked job."""
        ...

    def list_jobs(self, statuses: Collection[JobStatus], *, after_id: int, limit: int) -> Sequence[Job]:
        """Return up to ``limit`` jobs with one of the statuses and ids greater than ``after_id``, by id."""
        ...

    def list_due_jobs(self, now: datetime, limit: int) -> Sequence[int]:
        """Return the ids of up to ``limit`` jobs that are waiting or being sent and due, those first that were due."""
        ...

    def count_jobs(self, status: JobStatus, due_before: datetime) -> int:
        """Return how many jobs have a status and have been due since ``due_before`` or longer."""
        ...

    def count_promised_license_keys(self, product_id: int) -> int:
        """Return how many license keys of the stock of a product jobs wait for that have none yet."""
        ...

    def delete_jobs(self, before: datetime) -> int:
        """Delete the jobs that have ended and are due since before ``before``, and return how many those were."""
        ...


class MemoryQueue(MemoryTables):
    """The queue in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[int, Job] = {}
        self._last_job_id = 0

    def add_job(self, job: Job) -> Job:
        """Store a new job and return it with its id."""
        with self._lock:
            self._last_job_id += 1
            self._jobs[self._last_job_id] = dataclasses.replace(job, id=self._last_job_id)
            return self._jobs[self._last_job_id]

    def lock_job(self, job_id: int) -> Job | None:
        """Return a job, or ``None``: one transaction runs at a time."""
        return self._jobs.get(job_id)

    def update_job(self, job: Job) -> None:
        """Store everything of a job."""
        self._jobs[job.id] = job

    def list_jobs(self, statuses: Collection[JobStatus], *, after_id: int, limit: int) -> Sequence[Job]:
        """Return a page of jobs, by id."""
        matching = (job for job in self._jobs.values() if job.id > after_id and job.status in statuses)
        return list(islice(matching, limit))

    def list_due_jobs(self, now: datetime, limit: int) -> Sequence[int]:
        """Return the ids of jobs that are due, those first that were due first."""
        due = [job for job in self._jobs.values() if job.status not in ENDED and job.due_at <= now]
        return [job.id for job in sorted(due, key=lambda job: (job.due_at, job.id))[:limit]]

    def count_jobs(self, status: JobStatus, due_before: datetime) -> int:
        """Return how many jobs have a status and are due since then."""
        return sum(job.status is status and job.due_at <= due_before for job in self._jobs.values())

    def count_promised_license_keys(self, product_id: int) -> int:
        """Return how many license keys of the stock of a product jobs wait for."""
        return sum(
            job.quantity
            for job in self._jobs.values()
            if (job.product_id, job.status, job.generate, job.body) == (product_id, JobStatus.WAITING, False, None)
        )

    def delete_jobs(self, before: datetime) -> int:
        """Delete the jobs that ended before then; return how many those were."""
        with self._lock:
            old = [job.id for job in self._jobs.values() if job.status in ENDED and job.due_at < before]
            for job_id in old:
                del self._jobs[job_id]
            return len(old)
