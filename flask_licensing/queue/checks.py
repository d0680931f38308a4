"""Looking whether the queue is worked, and what became of its jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flask_licensing.core.store import has_group
from flask_licensing.queue.store import JobStatus, QueueStore

if TYPE_CHECKING:
    from flask_licensing.core.state import LicensingState

LONGEST_WAIT = timedelta(minutes=15)
"""How long a job may be due before it is a sign that no worker runs."""


def check_queue(state: LicensingState) -> tuple[bool, str]:
    """Look for jobs that were given up, that may not have been delivered, or that no worker does."""
    store = state.key_store
    if not has_group(store, QueueStore):
        return True, f"{type(store).__name__} keeps none"
    now = state.clock()
    with store.transaction():
        given_up = store.count_jobs(JobStatus.GIVEN_UP, now)
        unknown = store.count_jobs(JobStatus.UNKNOWN, now) + store.count_jobs(JobStatus.SENDING, now)
        late = store.count_jobs(JobStatus.WAITING, now - LONGEST_WAIT)
    problems = []
    if given_up or unknown:
        problems.append(
            f"{given_up} jobs were given up, and of {unknown} nobody knows whether they were delivered: see"
            " “flask licensing list-queue”; “retry-delivery” tries one again, “purge-queue” forgets them"
        )
    if late:
        problems.append(f"{late} jobs are late: run “flask licensing work-queue”")
    return not problems, "; ".join(problems) or "nothing was given up, and nothing is late"
