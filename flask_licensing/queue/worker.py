"""Working the queue: each job's license keys are assigned once, and posted until one answer says that they arrived.

Nothing is held while a connection is made or an answer is awaited; what is stored in between says what may have been
done, so that a worker can be killed anywhere:

- license keys and the body that is posted are stored together, before there is a connection;
- the job is marked as being sent once there is a connection, before the first byte. If the worker ends here, it is
  unknown whether the body arrived, and it is not sent again automatically;
- what came of it is stored after the answer.
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from flask_licensing.assignment.endpoints import random_members
from flask_licensing.assignment.service import Owner
from flask_licensing.assignment.stock import ALL_ASSIGNED, RandomAssignment, assign_random
from flask_licensing.core.urls import read_webhook_url
from flask_licensing.core.work import run_work
from flask_licensing.errors import StoreUnavailable, WebhookRefused
from flask_licensing.http.answers import Outcome, sign_outcome
from flask_licensing.http.origins import current_origin
from flask_licensing.queue.delivery import ANSWER_SECONDS, connect, describe
from flask_licensing.queue.service import end, fail, queue_of
from flask_licensing.queue.store import ENDED, JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_licensing.core.state import LicensingState
    from flask_licensing.core.work import Result, Work
    from flask_licensing.queue.delivery import Answered, Connection
    from flask_licensing.queue.store import Job

SENDING_TIME = timedelta(seconds=ANSWER_SECONDS + 10)
"""After this time no worker can be sending a job any more."""

_PAGE = 20
"""Jobs that are looked for at once."""

_random = secrets.SystemRandom()
_logger = logging.getLogger(__name__)


def work_queue(state: LicensingState, *, is_stopped: Callable[[], bool] = lambda: False) -> int:
    """Do all jobs that are due, and return how many those were; once it is stopped, end after the job in hand."""
    worked = 0
    while not is_stopped():
        due = list(_run(state, lambda work: queue_of(work).list_due_jobs(work.now, _PAGE)))
        # Workers that begin at once do not all begin with the same job.
        _random.shuffle(due)
        done = 0
        for job_id in due:
            if is_stopped():
                break
            done += work_job(state, job_id) is not None
        if not done:
            break
        worked += done
    return worked


def work_job(state: LicensingState, job_id: int) -> Job | None:
    """Do a job that is due, and return it as it is then; ``None`` where another worker has it, or nothing is due."""
    try:
        job = _run(state, lambda work: _prepare(state, work, job_id))
    except StoreUnavailable:
        raise
    except Exception as error:
        _logger.exception("the license keys of job %d were not assigned", job_id)
        return _run(state, partial(_fail_to_assign, job_id=job_id, outcome=describe(error)))
    if job is None or job.status is not JobStatus.WAITING or job.body is None:
        return job
    try:
        connection = connect(read_webhook_url(job.webhook_url), state.settings.webhook_allowed_networks)
    except (OSError, ValueError, WebhookRefused) as error:
        return _run(state, partial(_fail, job=job, outcome=f"no connection: {describe(error)}"))
    return _send(state, job, connection, job.body)


def _send(state: LicensingState, job: Job, connection: Connection, body: str) -> Job | None:
    try:
        sending = _run(state, partial(_mark_sending, job=job))
        if sending is None:
            return None
        answered = connection.post(body.encode("ascii"))
    finally:
        connection.close()
    return _run(state, partial(_note_answer, job=sending, answered=answered))


def _prepare(state: LicensingState, work: Work, job_id: int) -> Job | None:
    """Return a job that is due, with its license keys assigned; or as it ended, where there are none, or too late."""
    job = queue_of(work).lock_job(job_id)
    if job is None or job.status in ENDED or job.due_at > work.now:
        return None
    if job.status is JobStatus.SENDING:
        return end(work, job, JobStatus.UNKNOWN, "a worker ended between sending and the answer")
    if job.body is not None:
        return job
    wanted = RandomAssignment(job.product_id, job.quantity, job.generate, Owner(job.owner_name, job.owner_email))
    verdict = assign_random(work, wanted)
    if verdict.code is not ALL_ASSIGNED:
        return fail(work, job, f"{verdict.code.number} {verdict.code.message}")
    outcome = Outcome.of(ALL_ASSIGNED, {**random_members(verdict), "identifier": job.identifier})
    envelope = sign_outcome(state, outcome, work.now).body
    prepared = dataclasses.replace(job, body=f'{{"headers":{{}},"original":{envelope},"exception":null}}')
    queue_of(work).update_job(prepared)
    return prepared


def _mark_sending(work: Work, job: Job) -> Job | None:
    """Store that a job is being sent; ``None`` where another worker was quicker."""
    if queue_of(work).lock_job(job.id) != job:
        return None
    due_at = work.now.replace(microsecond=0) + SENDING_TIME
    sending = dataclasses.replace(job, status=JobStatus.SENDING, due_at=due_at)
    queue_of(work).update_job(sending)
    return sending


def _note_answer(work: Work, job: Job, answered: Answered) -> Job | None:
    """Store what came of a delivery; where the job is another's by now, only a success counts."""
    stored = queue_of(work).lock_job(job.id)
    if stored is None or stored.status is JobStatus.DELIVERED:
        return None
    if answered.is_delivered:
        return end(work, stored, JobStatus.DELIVERED, answered.outcome)
    if stored != job:
        return None
    if answered.is_delivered is None:
        return end(work, job, JobStatus.UNKNOWN, answered.outcome)
    return fail(work, job, answered.outcome)


def _fail(work: Work, job: Job, outcome: str) -> Job | None:
    return fail(work, job, outcome) if queue_of(work).lock_job(job.id) == job else None


def _fail_to_assign(work: Work, job_id: int, outcome: str) -> Job | None:
    job = queue_of(work).lock_job(job_id)
    return fail(work, job, outcome) if job is not None and job.status is JobStatus.WAITING else None


def _run(state: LicensingState, operation: Callable[[Work], Result]) -> Result:
    return run_work(state, current_origin(), operation, retry=True)
