"""Workers of the queue that are killed at random moments, and a receiver that checks what arrives, on each database.

``LICENSING_TEST_SCALE=50 LICENSING_TEST_SEED=7 python -m pytest tests/test_killed_queue_workers.py`` kills more often,
at other moments.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from flask_licensing.core.domain import utc_now
from flask_licensing.queue.store import JobStatus
from tests.programs import PROJECT, THIS_PROJECT, wait_until
from tests.scale import SCALE, SEED
from tests.webhook_receiver import Receiver, running_receiver, status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.hosts import Host
    from tests.webhook_receiver import Received

WORKERS = 2
KILLS = 2 * SCALE
JOBS = 20 * KILLS
HERE = ["127.0.0.0/8"]
LONGEST_LIFE = 0.3
"""Most seconds that a worker lives from when it is at work."""


class _Checker:
    """Answers some deliveries slowly, and refuses some at first; what it took with a 2xx it knows by its identifier."""

    def __init__(self) -> None:
        self._draw = random.Random(SEED)  # noqa: S311 - has to be repeatable
        self.arrived: Counter[str] = Counter()
        self.taken: dict[str, list[str]] = {}
        self.taken_again: list[str] = []

    def answer(self, request: Received) -> Iterator[bytes]:
        response = json.loads(request.body)["original"]["response"]
        identifier = response["identifier"]
        self.arrived[identifier] += 1
        time.sleep(self._draw.uniform(0, 0.1))
        if identifier in self.taken:
            self.taken_again.append(identifier)
        self.taken[identifier] = [record["license_key"] for record in response["license_keys"]]
        yield status(200)


def _start_worker(host: Host, private_key: str) -> subprocess.Popen[bytes]:
    variables = {
        "SERVED_HOST_PRIVATE_KEY": private_key,
        "FLASK_LICENSING_PRIVATE_KEY_SOURCE": "env:SERVED_HOST_PRIVATE_KEY",
        "FLASK_SQLALCHEMY_DATABASE_URI": host.app.config["SQLALCHEMY_DATABASE_URI"],
        "FLASK_LICENSING_WEBHOOK_ALLOWED_NETWORKS": json.dumps(HERE),
    }
    command = [sys.executable, "-m", "flask", "--app", "tests.served_host:create_app()", "licensing", "work-queue"]
    return subprocess.Popen(  # noqa: S603 - the test's own command
        command, cwd=PROJECT, env=THIS_PROJECT | variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _queue_jobs(host: Host, receiver: Receiver, jobs: int) -> None:
    keys = [f"KEY-{number}" for number in range(2 * jobs)]
    host.create(license_keys=json.dumps(keys))
    with host.app.app_context():
        for number in range(jobs):
            queued = host.licensing.random_assign_license_keys_queued(
                host.product_id, quantity=2, webhook_url=receiver.url, identifier=str(number)
            )
            assert queued.code.number == 807


def _by_status(host: Host) -> dict[str, set[str]]:
    with host.app.app_context():
        jobs = host.licensing.list_queue(set(JobStatus), limit=JOBS)
    found: dict[str, set[str]] = {}
    for job in jobs:
        found.setdefault(job.status.value, set()).add(job.identifier)
    return found


def _goes_on(host: Host, receiver: Receiver, arrived: int) -> bool:
    return len(receiver.received) > arrived or "waiting" not in _by_status(host)


def _kill_at_random(host: Host, private_key: str, receiver: Receiver) -> None:
    """Keep workers running, and kill one so many times, each at a random moment after another delivery."""
    draw = random.Random(SEED)  # noqa: S311 - chooses the moments, and has to be repeatable
    workers = [_start_worker(host, private_key) for _ in range(WORKERS)]
    try:
        for _ in range(KILLS):
            wait_until(partial(_goes_on, host, receiver, len(receiver.received)))
            time.sleep(draw.uniform(0, LONGEST_LIFE))
            killed = workers.pop(0)
            killed.kill()
            killed.wait()
            workers.append(_start_worker(host, private_key))
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        ended = [worker.wait(60) for worker in workers]
    assert set(ended) <= {0, -signal.SIGTERM}


def test_a_worker_that_is_asked_to_end_finishes_the_job_in_hand_and_begins_no_other(
    create_host: Callable[..., Host], private_key: str
) -> None:
    host = create_host(webhook_allowed_networks=HERE)
    with running_receiver() as receiver:
        _queue_jobs(host, receiver, 3)

        def answer(_: Received) -> bytes:
            worker.send_signal(signal.SIGTERM)
            return status(200)

        receiver.answer = answer
        worker = _start_worker(host, private_key)
        assert worker.wait(60) == 0
    assert {name: len(jobs) for name, jobs in _by_status(host).items()} == {"delivered": 1, "waiting": 2}
    assert len(receiver.received) == 1


def test_every_job_is_assigned_once_and_delivered_once_or_listed_as_unknown(
    create_host: Callable[..., Host], database_url: str, private_key: str
) -> None:
    moved = timedelta(0)
    host = create_host(database_url, webhook_allowed_networks=HERE, clock=lambda: utc_now() + moved)
    checker = _Checker()
    with running_receiver() as receiver:
        receiver.answer = checker.answer
        _queue_jobs(host, receiver, JOBS)
        _kill_at_random(host, private_key, receiver)
        with host.app.app_context():
            host.licensing.work_queue()
        # What was being sent when its worker was killed is so no longer.
        moved = timedelta(minutes=1)
        with host.app.app_context():
            host.licensing.work_queue()
    by_status = _by_status(host)
    print(f"seed {SEED}: {KILLS} kills, {JOBS} jobs, { ({name: len(jobs) for name, jobs in by_status.items()}) }")
    unknown = by_status.get("unknown", set())
    assert set(by_status) <= {"delivered", "unknown"}
    assert checker.taken_again == []
    assert set(checker.arrived.values()) <= {1}, "nothing was sent twice by itself"
    assert by_status["delivered"] <= set(checker.taken), "all others arrived"
    assert set(checker.taken) - by_status["delivered"] <= unknown
    assert len(unknown) <= KILLS
    delivered_keys = [key for keys in checker.taken.values() for key in keys]
    assert len(set(delivered_keys)) == len(delivered_keys)
    with host.app.app_context():
        assert host.licensing.count_available_license_keys(host.product_id) == 0, "each job's keys were assigned once"
