"""Queueing license keys to be assigned and delivered, and looking after the queue (contract section 8)."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask_licensing.assignment.stock import TOO_FEW, UNKNOWN_PRODUCT, generator_for
from flask_licensing.audit.service import cutoff
from flask_licensing.core.log_text import printable
from flask_licensing.core.signals import signals
from flask_licensing.core.state import EXTENSION_NAME
from flask_licensing.core.store import require_group
from flask_licensing.errors import Code, JobNotRepeatable, UnknownJob
from flask_licensing.generators.service import GENERATOR_NOT_FOUND, require_space
from flask_licensing.license_keys.store import LicenseKeySearchStore, LicenseKeyStatus
from flask_licensing.products.service import find_product
from flask_licensing.queue.store import Job, JobStatus, QueueStore

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from flask_licensing.assignment.stock import RandomAssignment
    from flask_licensing.core.state import LicensingState
    from flask_licensing.core.work import Work

QUEUED = Code(807, "Request Queued")

JOB_QUEUED = "job-queued"
JOB_RETRIED = "job-retried"
JOB_ENDED = "job-ended"
QUEUE_PURGED = "queue-purged"

job_queued = signals.signal(JOB_QUEUED)
"""License keys are to be assigned and delivered: ``job`` is the :class:`~flask_licensing.hooks.Job`."""

job_ended = signals.signal(JOB_ENDED)
"""A job was delivered or given up, or its delivery is unknown: ``job`` is the
:class:`~flask_licensing.hooks.Job` with its ``status`` and ``outcome``."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueueVerdict:
    """What is answered: the job that was queued, or why there is none; ``available`` as for an assignment."""

    code: Code
    job: Job | None = None
    available: int | None = None


def enqueue(work: Work, wanted: RandomAssignment, *, webhook_url: str, identifier: str) -> QueueVerdict:
    """Store a job; what can be refused now is refused. License keys that other jobs wait for are not available."""
    if wanted.product_id is None or find_product(work.store, wanted.product_id) is None:
        return QueueVerdict(UNKNOWN_PRODUCT)
    if wanted.generate:
        generator = generator_for(work, wanted.product_id)
        if generator is None:
            return QueueVerdict(GENERATOR_NOT_FOUND)
        require_space(work, generator, wanted.quantity)
    elif (available := _available(work, wanted.product_id)) < wanted.quantity:
        return QueueVerdict(TOO_FEW, available=available)
    now = work.now.replace(microsecond=0)
    draft = Job(
        id=0,
        product_id=wanted.product_id,
        quantity=wanted.quantity,
        generate=wanted.generate,
        owner_name=wanted.owner.name,
        owner_email=wanted.owner.email,
        identifier=identifier,
        webhook_url=webhook_url,
        created_at=now,
        due_at=now,
    )
    job = queue_of(work).add_job(draft)
    work.record(JOB_QUEUED, product_id=job.product_id, target=f"job:{job.id}")
    work.send(job_queued, job=job)
    work.after_commit.append(lambda app: _dispatch(app, job.id))
    return QueueVerdict(QUEUED, job)


def retry_delivery(work: Work, job_id: int) -> Job:
    """Let a job be tried again from the beginning, with the same license keys, and return it.

    Raises:
        UnknownJob: there is no such job.
        JobNotRepeatable: it was delivered, or is being sent at this moment.

    """
    job = queue_of(work).lock_job(job_id)
    if job is None:
        raise UnknownJob
    job = _as_it_is(job, work.now)
    if job.status in {JobStatus.DELIVERED, JobStatus.SENDING}:
        done = "was delivered" if job.status is JobStatus.DELIVERED else "is being delivered at this moment"
        raise JobNotRepeatable(f"The job {done}.")
    again = dataclasses.replace(job, status=JobStatus.WAITING, due_at=work.now.replace(microsecond=0), failures=0)
    queue_of(work).update_job(again)
    work.record(JOB_RETRIED, product_id=job.product_id, target=f"job:{job.id}")
    work.after_commit.append(lambda app: _dispatch(app, job.id))
    return again


def list_jobs(work: Work, statuses: Collection[JobStatus], *, after_id: int, limit: int) -> Sequence[Job]:
    """Return a page of jobs with one of the statuses, by id."""
    wanted = {*statuses, JobStatus.SENDING} if JobStatus.UNKNOWN in statuses else statuses
    jobs = queue_of(work).list_jobs(wanted, after_id=after_id, limit=limit)
    return [job for job in (_as_it_is(job, work.now) for job in jobs) if job.status in statuses]


def purge_queue(work: Work, *, before: datetime) -> int:
    """Delete the jobs that ended before ``before``, and return how many those were.

    Raises:
        IncorrectData: ``before`` is in the future.

    """
    deleted = queue_of(work).delete_jobs(cutoff(before, work.now))
    if deleted:
        work.record(QUEUE_PURGED, deleted=deleted)
    return deleted


def end(work: Work, job: Job, status: JobStatus, outcome: str) -> Job:
    """Store that a locked job has ended, and how."""
    now = work.now.replace(microsecond=0)
    # What was delivered is never sent again, so nothing keeps the license keys here.
    body = None if status is JobStatus.DELIVERED else job.body
    ended = dataclasses.replace(job, status=status, due_at=now, outcome=outcome, body=body)
    return _store_end(work, ended)


def fail(work: Work, job: Job, outcome: str) -> Job:
    """Store that a try of a locked job failed: it waits for the next one, or is given up after the last."""
    failed = job.failed(outcome, work.now.replace(microsecond=0))
    if failed.status is JobStatus.GIVEN_UP:
        return _store_end(work, failed)
    queue_of(work).update_job(failed)
    work.log_after_commit(_logger, "job %d is tried again at %s: %s", job.id, failed.due_at, printable(outcome))
    return failed


def queue_of(work: Work) -> QueueStore:
    """Return the store of the work as one that keeps the queue."""
    return require_group(work.store, QueueStore, "keeps no queue")


def _store_end(work: Work, ended: Job) -> Job:
    queue_of(work).update_job(ended)
    level = logging.INFO if ended.status is JobStatus.DELIVERED else logging.ERROR
    work.after_commit.append(
        lambda _: _logger.log(
            level, "job %d has ended, %s: %s", ended.id, ended.status.value, printable(ended.outcome or "")
        )
    )
    work.send(job_ended, job=ended)
    return ended


def _available(work: Work, product_id: int) -> int:
    stock = require_group(work.store, LicenseKeySearchStore, "does not count license keys")
    count = stock.count_license_keys(product_id, LicenseKeyStatus.AVAILABLE)
    return max(0, count - queue_of(work).count_promised_license_keys(product_id))


def _as_it_is(job: Job, now: datetime) -> Job:
    """Return a job that no worker can be sending any more, as one whose delivery is unknown."""
    is_cut_off = job.status is JobStatus.SENDING and job.due_at <= now
    return dataclasses.replace(job, status=JobStatus.UNKNOWN) if is_cut_off else job


def _dispatch(app: Any, job_id: int) -> None:
    """Tell the site's own queue of a job; where that fails, the job is in the table all the same."""
    state: LicensingState = app.extensions[EXTENSION_NAME]
    if state.job_dispatcher is None:
        return
    try:
        state.job_dispatcher(job_id)
    except Exception:
        _logger.exception("the job dispatcher failed for job %d, which is left to work-queue", job_id)
