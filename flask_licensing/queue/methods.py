"""What :class:`flask_licensing.Licensing` does with the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.assignment.stock import read_random_assignment
from flask_licensing.core.fields import load_fields
from flask_licensing.core.state import current_state
from flask_licensing.core.work import run_work
from flask_licensing.http.origins import current_origin
from flask_licensing.queue import service, worker
from flask_licensing.queue.fields import QueuedAssignmentSchema
from flask_licensing.queue.store import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from flask_licensing.core.work import Result, Work
    from flask_licensing.queue.service import QueueVerdict
    from flask_licensing.queue.store import Job

UNDELIVERED = frozenset(JobStatus) - {JobStatus.DELIVERED}


class QueueMethods:
    """What :class:`flask_licensing.Licensing` does with the queue. Each method needs an app context."""

    def random_assign_license_keys_queued(
        self,
        product_id: int,
        *,
        webhook_url: str,
        identifier: str,
        quantity: int = 1,
        generate: bool = False,
        owner_name: str | None = None,
        owner_email: str | None = None,
        commit: bool = True,
    ) -> QueueVerdict:
        """Store a job that assigns license keys and delivers them to a webhook, as the endpoint does.

        The code is 807, and ``job`` what was queued; or 805, 806 or 802, and nothing was. With ``commit=False`` the
        job joins the transaction of the host's session, and no ``job_dispatcher`` is called.

        Raises:
            IncorrectData: something is wrong, as a URL that leads into the site's own network.

        """
        given = {
            "product_id": product_id,
            "webhook_url": webhook_url,
            "identifier": identifier,
            "quantity": quantity,
            "generate": int(generate),
            "owner_name": owner_name,
            "owner_email": owner_email,
        }
        sent = load_fields(QueuedAssignmentSchema(current_state().settings.webhook_allowed_networks), given)
        wanted = read_random_assignment(sent)
        return _run(
            lambda work: service.enqueue(work, wanted, webhook_url=webhook_url, identifier=identifier), commit=commit
        )

    def work_queue(self) -> int:
        """Do all jobs of the queue that are due, and return how many those were.

        Transactions are begun and committed in the host's session, and rolled back where they are done again.

        Raises:
            StoreUnavailable: the database can't be reached; the jobs are left for the next time.

        """
        return worker.work_queue(current_state())

    def work_job(self, job_id: int) -> Job | None:
        """Do one job, as :meth:`work_queue` does; ``None`` where nothing is due or another worker has it."""
        return worker.work_job(current_state(), job_id)

    def list_queue(self, statuses: Collection[str] = UNDELIVERED, *, after: int = 0, limit: int = 100) -> Sequence[Job]:
        """Return up to ``limit`` jobs with ids greater than ``after``, by id; by default those not delivered.

        The statuses are ``waiting``, ``sending``, ``delivered``, ``given-up`` and ``unknown``.
        """
        wanted = {JobStatus(status) for status in statuses}
        return _run(lambda work: service.list_jobs(work, wanted, after_id=after, limit=limit))

    def retry_delivery(self, job_id: int, *, commit: bool = True) -> Job:
        """Try a job again, now, that was given up or whose delivery is unknown.

        Raises:
            UnknownJob: there is no such job.
            JobNotRepeatable: it was delivered, or is being delivered at this moment.

        """
        return _run(lambda work: service.retry_delivery(work, job_id), commit=commit)

    def purge_queue(self, *, before: datetime, commit: bool = True) -> int:
        """Delete the jobs that were delivered or given up, or are unknown, since before then; return how many.

        Raises:
            IncorrectData: ``before``, aware or naive UTC, is in the future.

        """
        return _run(lambda work: service.purge_queue(work, before=before), commit=commit)


def _run(operation: Callable[[Work], Result], *, commit: bool = True) -> Result:
    return run_work(current_state(), current_origin(), operation, commit=commit)
