"""License keys that are assigned later and delivered to a webhook, once."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.errors import IncorrectData, JobNotRepeatable, StoreUnavailable, UnknownJob
from flask_licensing.http.answers import sign_outcome
from flask_licensing.queue import delivery, worker
from flask_licensing.queue.store import PAUSES
from flask_licensing.signals import job_ended, job_queued
from flask_licensing.testing.parts import FrozenClock
from flask_licensing.verification import verify_response
from tests.test_statements import counted_statements
from tests.webhook_receiver import Receiver, running_receiver, status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask

    from flask_licensing.hooks import Job
    from tests.hosts import Host

NAME = "random-assign-license-keys-queued"
HERE = ["127.0.0.0/8"]
MINUTES = [1, 5, 15, 60, 360]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def site(create_host: Callable[..., Host], clock: FrozenClock) -> Host:
    """A site with ten license keys whose webhooks may lead to this machine."""
    host = create_host(clock=clock, webhook_allowed_networks=HERE)
    _stock(host)
    return host


@pytest.fixture
def site_on_each_database(create_host: Callable[..., Host], database_url: str, clock: FrozenClock) -> Host:
    host = create_host(database_url, clock=clock, webhook_allowed_networks=HERE)
    _stock(host)
    return host


def _stock(host: Host) -> None:
    host.create(license_keys=json.dumps([f"KEY-{number}" for number in range(10)]))


def _fields(host: Host, url: str, **fields: Any) -> dict[str, Any]:
    return {"product_id": str(host.product_id), "webhook_url": url, "identifier": "10", "quantity": "7"} | fields


def _queue(host: Host, url: str, **fields: Any) -> dict[str, Any]:
    return host.ask(NAME, **_fields(host, url, **fields))


def _work(host: Host) -> int:
    with host.app.app_context():
        return host.licensing.work_queue()


def _jobs(host: Host) -> list[Job]:
    with host.app.app_context():
        return list(host.licensing.list_queue(["waiting", "sending", "delivered", "given-up", "unknown"]))


def _assigned(host: Host) -> list[str]:
    with host.app.app_context():
        return [key.license_key for key in host.licensing.list_license_keys(status="assigned")]


# What is answered, and what is delivered


def test_a_request_is_answered_at_once_and_its_license_keys_are_delivered_in_the_form_of_the_contract(
    site_on_each_database: Host, receiver: Receiver
) -> None:
    site = site_on_each_database
    fields = _fields(site, receiver.url, owner_name="Zoë", owner_email="Not set", identifier="Bestellung 10/é")
    answer = site.post(fields, path=f"/api/v1/{NAME}")
    assert list(site.verified(answer)) == ["code", "message", "timestamp"]
    assert (site.verified(answer)["code"], site.verified(answer)["message"]) == (807, "Request Queued")
    assert (receiver.received, _assigned(site)) == ([], [])
    assert _work(site) == 1
    (request,) = receiver.received
    assert request.line == "POST /hook?token=s3cret HTTP/1.1"
    assert request.headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.body.startswith(b'{"headers":{},"original":{"response":{"code":803,"message":')
    assert request.body.endswith(b',"exception":null}')
    delivered = json.loads(request.body)
    assert list(delivered) == ["headers", "original", "exception"]
    response = verify_response(json.dumps(delivered["original"]), site.public_key).response
    assert list(response) == ["code", "message", "license_keys", "identifier", "timestamp"]
    assert response["identifier"] == "Bestellung 10/é"
    assert sorted(record["license_key"] for record in response["license_keys"]) == sorted(_assigned(site))
    assert {len(record) for record in response["license_keys"]} == {13}
    assert {record["owner_email"] for record in response["license_keys"]} == {"Not set"}
    assert len(_assigned(site)) == 7


def test_nothing_is_sent_again_once_an_answer_was_2xx(site: Host, receiver: Receiver, clock: FrozenClock) -> None:
    receiver.answer = lambda _: status(299)
    _queue(site, receiver.url)
    assert (_work(site), _work(site)) == (1, 0)
    clock.move(days=2)
    assert _work(site) == 0
    assert len(receiver.received) == 1
    assert [(job.status, job.failures, job.body) for job in _jobs(site)] == [("delivered", 0, None)]
    with site.app.app_context(), pytest.raises(JobNotRepeatable, match="was delivered"):
        site.licensing.retry_delivery(_jobs(site)[0].id)


@pytest.mark.parametrize("refusal", [status(500), status(300), status(301, "Location: http://127.0.0.1/"), status(199)])
def test_the_same_bytes_are_sent_again_after_each_pause_until_an_answer_is_2xx(
    site: Host, receiver: Receiver, clock: FrozenClock, refusal: bytes
) -> None:
    receiver.answer = lambda _: refusal
    _queue(site, receiver.url)
    assert _work(site) == 1
    for tries, minutes in enumerate(MINUTES, start=1):
        clock.move(minutes=minutes, seconds=-1)
        assert _work(site) == 0
        clock.move(seconds=1)
        if tries == len(MINUTES):
            receiver.answer = lambda _: status(200)
        assert _work(site) == 1
        assert len(receiver.received) == tries + 1
    assert len({request.body for request in receiver.received}) == 1
    assert [job.status for job in _jobs(site)] == ["delivered"]
    assert len(_assigned(site)) == 7


def test_after_the_last_try_a_job_is_given_up_logged_and_listed_and_can_be_tried_again(
    site: Host, receiver: Receiver, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = lambda _: status(503)
    _queue(site, receiver.url)
    for minutes in [0, *MINUTES, 10_000]:
        clock.move(minutes=minutes)
        _work(site)
    assert len(receiver.received) == 6
    (job,) = _jobs(site)
    assert (job.status, job.failures, job.outcome) == ("given-up", 6, "answered with status 503")
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert line.getMessage() == f"job {job.id} has ended, given-up: answered with status 503"
    assert "s3cret" not in caplog.text
    assert "s3cret" not in repr(job)
    receiver.answer = lambda _: status(200)
    with site.app.app_context():
        assert site.licensing.retry_delivery(job.id).status == "waiting"
    assert _work(site) == 1
    assert len({request.body for request in receiver.received}) == 1
    assert [job.status for job in _jobs(site)] == ["delivered"]


def test_a_connection_that_fails_before_anything_was_sent_is_tried_again(site: Host, clock: FrozenClock) -> None:
    with running_receiver() as gone:
        url = gone.url
    _queue(site, url)
    assert _work(site) == 1
    (job,) = _jobs(site)
    assert (job.status, job.due_at) == ("waiting", clock.now.replace(microsecond=0) + PAUSES[0])
    assert str(job.outcome).startswith("no connection: ConnectionRefusedError")
    assert len(_assigned(site)) == 7, "the license keys are assigned, and stay with this job"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="closes"),
        pytest.param(b"what?\r\n\r\n", id="no HTTP"),
        pytest.param(b"HTTP/1.1 20", id="breaks off"),
    ],
)
def test_where_nobody_knows_whether_it_arrived_nothing_is_sent_again_until_somebody_says_so(
    site: Host, receiver: Receiver, clock: FrozenClock, answer: bytes
) -> None:
    receiver.answer = lambda _: answer
    _queue(site, receiver.url)
    _work(site)
    clock.move(days=2)
    assert _work(site) == 0
    (job,) = _jobs(site)
    assert (job.status, len(receiver.received)) == ("unknown", 1)
    receiver.answer = lambda _: status(200)
    with site.app.app_context():
        site.licensing.retry_delivery(job.id)
    assert _work(site) == 1
    first, second = receiver.received
    assert first.body == second.body


def test_an_answer_that_comes_too_slowly_is_not_waited_for(site: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that trickle in would hold a worker for hours, if each had a time of its own."""
    monkeypatch.setattr(delivery, "ANSWER_SECONDS", 0.3)
    with running_receiver() as slow:
        slow.answer = slow.trickle
        _queue(site, slow.url)
        _work(site)
    (job,) = _jobs(site)
    assert job.status == "unknown"
    assert str(job.outcome).startswith("no answer: TimeoutError")


def test_of_an_answer_without_an_end_a_part_is_read(site: Host, receiver: Receiver) -> None:
    sent: list[int] = []

    def answer(_: object) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while not receiver.is_closing.is_set():
            yield bytes(delivery.MAX_ANSWER_BYTES)
            sent.append(delivery.MAX_ANSWER_BYTES)

    receiver.answer = answer
    _queue(site, receiver.url)
    _work(site)
    assert [job.status for job in _jobs(site)] == ["delivered"]
    assert sum(sent) < 100 * 1024 * 1024, "what is more than that was read by somebody"


# What is refused before anything is queued


def test_what_can_be_refused_is_refused_before_anything_is_queued(site: Host, receiver: Receiver) -> None:
    refused = [
        ({"product_id": "21"}, 805),
        ({"product_id": ""}, 805),
        ({"generate": "1"}, 806),
        ({"quantity": "11"}, 802),
        ({"quantity": "1001"}, 9400),
        ({"identifier": " "}, 9400),
        ({"identifier": "x" * 256}, 9400),
        ({"webhook_url": ""}, 9400),
        ({"webhook_url": "ftp://example.org/"}, 9400),
        ({"webhook_url": "https://10.0.0.1/"}, 9400),
        ({"owner_name": "x" * 256}, 9400),
    ]
    assert [_queue(site, receiver.url, **wrong)["code"] for wrong, _ in refused] == [code for _, code in refused]
    assert _queue(site, receiver.url, quantity="11")["available_quantity"] == 10
    assert _jobs(site) == []


def test_a_generator_with_too_few_license_keys_is_refused_before_anything_is_queued(
    site: Host, receiver: Receiver
) -> None:
    with site.app.app_context():
        site.licensing.create_generator(
            site.product_id, "chunk-system", charset="0123456789", number_of_chunks=1, chunk_length=8,
            activation_limit=1, validity=0,
        )  # fmt: skip
    assert _queue(site, receiver.url, generate="1", quantity="1000")["code"] == 9409
    assert _queue(site, receiver.url, generate="1", quantity="1")["code"] == 807
    _work(site)
    assert len(_assigned(site)) == 1


def test_license_keys_that_wait_in_the_queue_are_not_promised_twice(site: Host, receiver: Receiver) -> None:
    assert _queue(site, receiver.url, quantity="7")["code"] == 807
    refused = _queue(site, receiver.url, quantity="4")
    assert (refused["code"], refused["available_quantity"]) == (802, 3)
    assert site.ask("random-assign-license-keys", product_id=site.product_id, quantity="4")["code"] == 803
    assert _queue(site, receiver.url, quantity="1")["available_quantity"] == 0
    site.create(license_keys='["A", "B", "C", "D"]')
    assert _queue(site, receiver.url, quantity="3")["code"] == 807
    assert _work(site) == 2
    assert len(_assigned(site)) == 14


def test_a_job_whose_license_keys_were_sold_meanwhile_waits_for_others(
    site: Host, receiver: Receiver, clock: FrozenClock
) -> None:
    _queue(site, receiver.url)
    assert site.ask("random-assign-license-keys", product_id=site.product_id, quantity="4")["code"] == 803
    assert _work(site) == 1
    (job,) = _jobs(site)
    assert (job.status, job.outcome, job.failures) == ("waiting", "802 Insufficient license keys", 1)
    site.create(license_keys='["NEW-1"]')
    clock.move(minutes=1)
    assert _work(site) == 1
    assert [job.status for job in _jobs(site)] == ["delivered"]


def test_an_idempotency_key_queues_once(site: Host, receiver: Receiver) -> None:
    fields = _fields(site, receiver.url)
    first, again = (site.post(fields, path=f"/api/v1/{NAME}", headers={"Idempotency-Key": "a"}) for _ in range(2))
    assert first.data == again.data
    assert len(_jobs(site)) == 1


def test_a_request_makes_as_many_statements_for_one_as_for_many(
    site_on_each_database: Host, receiver: Receiver
) -> None:
    site = site_on_each_database
    _queue(site, receiver.url, quantity="1")
    with counted_statements(site) as one:
        _queue(site, receiver.url, quantity="1")
    with counted_statements(site) as many:
        _queue(site, receiver.url)
    assert len(one) == len(many) <= 9, many


# Workers


def test_a_failure_that_nobody_foresaw_stops_no_other_job(
    site: Host, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    _queue(site, receiver.url, quantity="1", identifier="first")
    _queue(site, receiver.url, quantity="1", identifier="second")

    def fail_at_first(*arguments: Any) -> Any:
        monkeypatch.setattr(worker, "sign_outcome", sign_outcome)
        raise ZeroDivisionError

    monkeypatch.setattr(worker, "sign_outcome", fail_at_first)
    assert _work(site) == 2
    assert sorted(job.status for job in _jobs(site)) == ["delivered", "waiting"]
    assert len(_assigned(site)) == 1, "what was not signed was not assigned"


def test_a_database_that_is_away_counts_as_no_try(
    site: Host, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    _queue(site, receiver.url)

    def be_away(*_: Any) -> Any:
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(worker, "assign_random", be_away)
        with pytest.raises(StoreUnavailable):
            _work(site)
    assert [(job.status, job.failures) for job in _jobs(site)] == [("waiting", 0)]
    assert _work(site) == 1


def test_two_workers_that_take_one_job_send_it_once(site: Host, receiver: Receiver, monkeypatch: Any) -> None:
    """The second does the whole job while the first has a connection and has sent nothing yet."""
    _queue(site, receiver.url)

    def connect_and_be_overtaken(*arguments: Any) -> Any:
        connection = delivery.connect(*arguments)
        monkeypatch.setattr(worker, "connect", delivery.connect)
        assert site.licensing.work_queue() == 1
        return connection

    monkeypatch.setattr(worker, "connect", connect_and_be_overtaken)
    assert _work(site) == 0
    assert (len(receiver.received), receiver.connections) == (1, 2)
    assert [job.status for job in _jobs(site)] == ["delivered"]


def test_a_worker_that_could_not_assign_does_not_call_back_what_another_one_delivered(
    site: Host, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    _queue(site, receiver.url)

    def fail(*_: Any) -> Any:
        monkeypatch.setattr(worker, "sign_outcome", sign_outcome)
        raise ZeroDivisionError

    def describe_and_be_overtaken(_: Exception) -> str:
        assert site.licensing.work_queue() == 1
        return "it failed"

    monkeypatch.setattr(worker, "sign_outcome", fail)
    monkeypatch.setattr(worker, "describe", describe_and_be_overtaken)
    _work(site)
    assert [(job.status, job.failures) for job in _jobs(site)] == [("delivered", 0)]


def test_two_workers_that_find_no_connection_at_once_count_as_one_try(
    site: Host, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    _queue(site, receiver.url)
    overtaken: list[int] = []

    def fail(*_: Any) -> Any:
        if not overtaken:
            overtaken.append(0)
            overtaken.append(site.licensing.work_queue())
        raise ConnectionRefusedError

    monkeypatch.setattr(worker, "connect", fail)
    assert _work(site) == 0
    assert (overtaken, [job.failures for job in _jobs(site)]) == ([0, 1], [1])


@pytest.mark.parametrize("step", ["_mark_sending", "post", "_note_answer"])
def test_a_worker_that_is_killed_anywhere_loses_nothing_and_sends_nothing_twice(
    site: Host, receiver: Receiver, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    _queue(site, receiver.url)

    def be_killed(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(delivery.Connection if step == "post" else worker, step, be_killed)
        with pytest.raises(KeyboardInterrupt):
            _work(site)
    assert _work(site) == (1 if step == "_mark_sending" else 0)
    clock.move(seconds=worker.SENDING_TIME.total_seconds() - 1)
    assert _work(site) == 0
    clock.move(seconds=1)
    (job,) = _jobs(site)
    expected = "delivered" if step == "_mark_sending" else "unknown"
    assert (job.status, len(receiver.received)) == (expected, 0 if step == "post" else 1)
    with site.app.app_context():
        (queue,) = [check for check in site.licensing.check() if check.name == "queue"]
    assert queue.ok == (expected == "delivered")
    assert _work(site) == (0 if step == "_mark_sending" else 1)
    assert [job.status for job in _jobs(site)] == [expected]
    assert len(_assigned(site)) == 7


@pytest.mark.parametrize(("answer", "left"), [(status(200), "delivered"), (status(500), "waiting"), (b"", "waiting")])
def test_of_an_answer_that_comes_after_the_job_was_taken_for_cut_off_only_a_success_counts(
    site: Host, receiver: Receiver, clock: FrozenClock, answer: bytes, left: str
) -> None:
    def answer_late(_: object) -> bytes:
        clock.move(minutes=1)
        assert _work(site) == 1
        (job,) = _jobs(site)
        assert job.status == "unknown"
        with site.app.app_context():
            site.licensing.retry_delivery(job.id)
        return answer

    receiver.answer = answer_late
    _queue(site, receiver.url)
    with site.app.app_context():
        job_id = _jobs(site)[0].id
        site.licensing.work_job(job_id)
    assert [(job.status, job.failures) for job in _jobs(site)] == [(left, 0)]
    assert len(receiver.received) == 1


def test_a_job_that_is_not_due_is_left_alone_though_it_is_asked_for(
    site: Host, receiver: Receiver, clock: FrozenClock
) -> None:
    receiver.answer = lambda _: status(500)
    _queue(site, receiver.url)
    _work(site)
    (job,) = _jobs(site)
    clock.move(seconds=59)
    with site.app.app_context():
        assert site.licensing.work_job(job.id) is None
        clock.move(seconds=1)
        assert site.licensing.work_job(job.id) is not None
    assert len(receiver.received) == 2


def test_a_job_that_is_being_sent_is_not_tried_again_by_hand(site: Host, receiver: Receiver) -> None:
    refusals: list[str] = []

    def answer(_: object) -> bytes:
        (job,) = _jobs(site)
        with site.app.app_context(), pytest.raises(JobNotRepeatable) as refused:
            site.licensing.retry_delivery(job.id)
        refusals.append(str(refused.value))
        return status(200)

    receiver.answer = answer
    _queue(site, receiver.url)
    _work(site)
    assert refusals == ["The job is being delivered at this moment."]


# What hosts and operators have


def test_the_sites_own_queue_is_told_of_each_job_after_the_commit_and_may_fail(
    create_host: Callable[..., Host], receiver: Receiver
) -> None:
    told: list[int] = []
    done: list[Job | None] = []

    def dispatch(job_id: int) -> None:
        told.append(job_id)
        done.append(host.licensing.work_job(job_id))
        raise ZeroDivisionError

    host = create_host(job_dispatcher=dispatch, webhook_allowed_networks=HERE)
    _stock(host)
    assert _queue(host, receiver.url)["code"] == 807
    assert told == [job.id for job in _jobs(host)]
    assert done == _jobs(host)
    assert len(receiver.received) == 1
    with host.app.app_context():
        assert host.licensing.work_job(told[0]) is None
        assert host.licensing.work_job(99) is None


def test_the_sites_own_queue_is_told_of_a_job_that_is_tried_again(
    create_host: Callable[..., Host], receiver: Receiver
) -> None:
    told: list[int] = []
    host = create_host(job_dispatcher=told.append, webhook_allowed_networks=HERE)
    _stock(host)
    _queue(host, receiver.url)
    with host.app.app_context():
        host.licensing.retry_delivery(told[0])
    assert told == [told[0]] * 2


def test_signals_and_audit_records_tell_of_a_job(site: Host, receiver: Receiver) -> None:
    sent: list[tuple[str, Any]] = []

    def queued(_: Flask, job: Job) -> None:
        sent.append(("queued", job.status))

    def ended(_: Flask, job: Job) -> None:
        sent.append(("ended", job.status))

    with job_queued.connected_to(queued), job_ended.connected_to(ended):
        _queue(site, receiver.url)
        _work(site)
    assert sent == [("queued", "waiting"), ("ended", "delivered")]
    with site.app.app_context():
        events = [record.event for record in site.licensing.audit_log(limit=2)]
    assert [(event.action, event.origin.actor[:4]) for event in events] == [
        ("license-keys-assigned", "host"),
        ("job-queued", "api-"),
    ]
    assert events[1].target == f"job:{_jobs(site)[0].id}"


def test_the_method_queues_in_the_transaction_of_the_host(site: Host, receiver: Receiver) -> None:
    with site.app.app_context():
        queue = site.licensing.random_assign_license_keys_queued
        where: dict[str, Any] = {"webhook_url": receiver.url, "identifier": "10"}
        assert queue(site.product_id, **where, commit=False).job is not None
        site.db.session.rollback()
        assert site.licensing.list_queue() == []
        assert queue(site.product_id, **where).code.number == 807
        assert queue(site.product_id, quantity=10, **where).available == 9
        with pytest.raises(IncorrectData, match="into the site's own network"):
            queue(site.product_id, webhook_url="http://[::1]/", identifier="10")
        with pytest.raises(UnknownJob):
            site.licensing.retry_delivery(99)


def test_what_has_ended_can_be_purged(site: Host, receiver: Receiver, clock: FrozenClock) -> None:
    _queue(site, receiver.url, quantity="1")
    _work(site)
    with running_receiver() as gone:
        url = gone.url
    _queue(site, url, quantity="1")
    _work(site)
    clock.move(days=1)
    with site.app.app_context():
        assert site.licensing.purge_queue(before=clock.now - timedelta(days=1)) == 0
        assert site.licensing.purge_queue(before=clock.now) == 1
        with pytest.raises(IncorrectData, match="future"):
            site.licensing.purge_queue(before=clock.now + timedelta(days=1))
    assert [job.status for job in _jobs(site)] == ["waiting"]


def test_the_commands_show_a_job_without_its_secret_and_try_it_again(
    site: Host, receiver: Receiver, clock: FrozenClock
) -> None:
    receiver.answer = lambda _: b""
    run = site.app.test_cli_runner().invoke

    def checked() -> str:
        return next(line for line in run(args=["licensing", "check"]).output.splitlines() if " queue: " in line)

    order = ["--product", str(site.product_id), "--webhook-url", receiver.url, "--identifier", "10"]
    queued = run(args=["licensing", NAME, *order])
    assert queued.output == "807 Request Queued: job 1\n"
    assert checked() == "ok      queue: nothing was given up, and nothing is late"
    clock.move(minutes=15)
    assert checked() == "FAILED  queue: 1 jobs are late: run “flask licensing work-queue”"
    assert run(args=["licensing", "work-queue", "--once"]).output == "1 done.\n"
    assert checked().startswith("FAILED  queue: 0 jobs were given up, and of 1 nobody knows")
    listed = run(args=["licensing", "list-queue"]).output
    assert listed.startswith(
        f"1\tunknown\t1 of product {site.product_id} for 10\thttp://127.0.0.1:{receiver.port}/hook\t"
    )
    as_json = run(args=["licensing", "list-queue", "--status", "unknown", "--json"]).output
    assert json.loads(as_json)[0]["status"] == "unknown"
    assert "s3cret" not in listed + as_json
    assert "waiting" in run(args=["licensing", "retry-delivery", "1"]).output
    refused = run(args=["licensing", NAME, *order, "--quantity", "99", "--json"])
    assert (refused.exit_code, json.loads(refused.output)["code"]) == (1, 802)
    assert run(args=["licensing", "retry-delivery", "7"]).output == "Error: There is no such job.\n"
