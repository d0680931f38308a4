"""What a key store has to do that keeps the queue, as a class of tests."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask_licensing.errors import TransactionConflict
from flask_licensing.queue.store import Job, JobStatus
from flask_licensing.testing.contracts.key_store import DAY, NOW, THREADS, RolledBack, StoreContract

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = timedelta(seconds=1)
JOB = Job(
    id=0,
    product_id=7,
    quantity=2,
    generate=False,
    owner_name="Zoë",
    owner_email=None,
    identifier="Bestellung 10",
    webhook_url="https://shop.example/" + "x" * 2000,
    created_at=NOW,
    due_at=NOW,
)


class QueueStoreContract(StoreContract):
    """Tests of :class:`~flask_licensing.hooks.QueueStore`; subclass it and supply the fixture ``key_store``."""

    def _add_job(self, key_store: Any, **changes: Any) -> Job:
        with key_store.transaction():
            job: Job = key_store.add_job(dataclasses.replace(JOB, **changes))
        return job

    def _find_job(self, key_store: Any, job_id: int) -> Job | None:
        with key_store.transaction():
            job: Job | None = key_store.lock_job(job_id)
        return job

    def test_a_job_is_found_as_it_was_added_and_as_it_was_changed(self, key_store: Any) -> None:
        job, other = self._add_job(key_store), self._add_job(key_store, generate=True)
        assert (job, other) == (
            dataclasses.replace(JOB, id=job.id),
            dataclasses.replace(JOB, id=other.id, generate=True),
        )
        assert self._find_job(key_store, job.id) == job
        assert self._find_job(key_store, other.id + 1) is None
        changed = dataclasses.replace(
            job, status=JobStatus.SENDING, due_at=NOW + DAY, failures=3, outcome="é" * 255, body="x" * 100_000
        )
        with key_store.transaction():
            key_store.lock_job(job.id)
            key_store.update_job(changed)
        assert self._find_job(key_store, job.id) == changed
        assert self._find_job(key_store, other.id) == other

    def test_what_was_done_to_jobs_is_gone_with_its_transaction(self, key_store: Any) -> None:
        job = self._add_job(key_store)
        with suppress(RolledBack), key_store.transaction():
            key_store.update_job(dataclasses.replace(job, status=JobStatus.GIVEN_UP))
            key_store.add_job(JOB)
            raise RolledBack
        assert self._find_job(key_store, job.id) == job
        assert self._find_job(key_store, job.id + 1) is None

    def test_jobs_are_due_from_their_moment_on_while_they_have_not_ended_the_first_ones_first(
        self, key_store: Any
    ) -> None:
        later = self._add_job(key_store, due_at=NOW + SECOND).id
        sending = self._add_job(key_store, status=JobStatus.SENDING, due_at=NOW - SECOND).id
        waiting = self._add_job(key_store).id
        for status in (JobStatus.DELIVERED, JobStatus.GIVEN_UP, JobStatus.UNKNOWN):
            self._add_job(key_store, status=status)
        with key_store.transaction():
            assert list(key_store.list_due_jobs(NOW, 10)) == [sending, waiting]
            assert list(key_store.list_due_jobs(NOW, 1)) == [sending]
            assert list(key_store.list_due_jobs(NOW + SECOND, 10)) == [sending, waiting, later]

    def test_jobs_are_listed_by_status_and_id_in_pages_and_counted(self, key_store: Any) -> None:
        ids = [self._add_job(key_store, status=status).id for status in JobStatus]
        waiting, _, delivered, given_up, _ = ids
        wanted = [JobStatus.GIVEN_UP, JobStatus.WAITING]
        with key_store.transaction():
            assert [job.id for job in key_store.list_jobs(wanted, after_id=0, limit=10)] == [waiting, given_up]
            assert [job.id for job in key_store.list_jobs(wanted, after_id=waiting, limit=10)] == [given_up]
            assert [job.id for job in key_store.list_jobs(set(JobStatus), after_id=0, limit=3)] == ids[:3]
            assert key_store.list_jobs([JobStatus.DELIVERED], after_id=0, limit=3)[0].id == delivered
            assert key_store.count_jobs(JobStatus.WAITING, NOW) == 1
            assert key_store.count_jobs(JobStatus.WAITING, NOW - SECOND) == 0

    def test_license_keys_of_the_stock_are_promised_to_jobs_that_have_none_yet(self, key_store: Any) -> None:
        with key_store.transaction():
            assert key_store.count_promised_license_keys(7) == 0
        for _ in range(2):
            self._add_job(key_store, quantity=3)
        job = self._add_job(key_store, quantity=4)
        for other in ({"generate": True}, {"product_id": 8}, {"status": JobStatus.GIVEN_UP}):
            self._add_job(key_store, **other)
        with key_store.transaction():
            assert key_store.count_promised_license_keys(7) == 10
            key_store.update_job(dataclasses.replace(job, body="{}"))
        with key_store.transaction():
            assert key_store.count_promised_license_keys(7) == 6

    def test_only_what_ended_before_then_is_deleted(self, key_store: Any) -> None:
        kept = [
            self._add_job(key_store),
            self._add_job(key_store, status=JobStatus.SENDING),
            self._add_job(key_store, status=JobStatus.UNKNOWN, due_at=NOW + SECOND),
        ]
        for status in (JobStatus.DELIVERED, JobStatus.GIVEN_UP, JobStatus.UNKNOWN):
            self._add_job(key_store, status=status)
        with key_store.transaction():
            assert key_store.delete_jobs(NOW + SECOND) == 3
        with key_store.transaction():
            assert list(key_store.list_jobs(set(JobStatus), after_id=0, limit=10)) == kept

    def test_one_of_several_workers_gets_a_job(self, key_store: Any, in_threads: Callable[..., list[Any]]) -> None:
        job = self._add_job(key_store)

        def take(_: int) -> bool:
            while True:
                # A transaction that the database ended for another is done again.
                with suppress(TransactionConflict), key_store.transaction():
                    key_store.list_due_jobs(NOW, 10)
                    if key_store.lock_job(job.id) != job:
                        return False
                    key_store.update_job(dataclasses.replace(job, status=JobStatus.SENDING))
                    return True

        assert sum(in_threads(take)) == 1 < THREADS
