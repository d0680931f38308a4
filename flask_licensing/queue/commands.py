"""``work-queue``, and what looks after the queue."""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from flask_licensing.activations.commands import REFUSED
from flask_licensing.core.cli import ID, command, json_option, print_json, print_json_list, print_lines
from flask_licensing.core.state import current_state
from flask_licensing.core.urls import read_webhook_url
from flask_licensing.errors import StoreUnavailable
from flask_licensing.queue.methods import UNDELIVERED, QueueMethods
from flask_licensing.queue.service import QUEUED
from flask_licensing.queue.store import JobStatus
from flask_licensing.queue.worker import work_queue as work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flask_licensing.queue.store import Job

POLL_SECONDS = 1.0
"""How long a worker waits before it looks again whether something is due."""

_PAGE = 1000

_logger = logging.getLogger(__name__)


@command("work-queue")
@click.option("--once", is_flag=True, help="Do what is due and end, as for cron.")
@json_option
def work_queue(*, once: bool, as_json: bool) -> None:
    """Assign and deliver the license keys of the queue until the process is asked to end."""
    stopped = threading.Event()
    with _asked_to_end(stopped):
        done = _work_until(stopped, once=once)
    if as_json:
        print_json({"done": done})
    else:
        click.echo(f"{done} done.")


@contextmanager
def _asked_to_end(stopped: threading.Event) -> Iterator[None]:
    """Set the event, and do nothing else, where the process is asked to end while the block runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _work_until(stopped: threading.Event, *, once: bool) -> int:
    state = current_state()
    done = 0
    while not stopped.is_set():
        try:
            done += work(state, is_stopped=stopped.is_set)
        except StoreUnavailable as error:
            if once:
                raise
            _logger.warning("the queue could not be worked, and is looked at again: %s", error)
        if once:
            break
        stopped.wait(POLL_SECONDS)
    return done


@command("list-queue")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([status.value for status in JobStatus]),
    help="May be repeated; by default all but delivered.",
)
@json_option
def list_queue(statuses: tuple[str, ...], *, as_json: bool) -> None:
    """List the jobs of the queue that were not delivered, by id."""
    jobs = _all(statuses or tuple(UNDELIVERED))
    if as_json:
        print_json_list(map(_to_json, jobs))
    else:
        print_lines(map(_to_line, jobs), if_none="There are no such jobs.")


@command("retry-delivery")
@click.argument("job_id", type=ID)
@json_option
def retry_delivery(job_id: int, *, as_json: bool) -> None:
    """Let a job that was given up, or of which nobody knows whether it was delivered, be tried again."""
    job = QueueMethods().retry_delivery(job_id)
    if as_json:
        print_json(_to_json(job))
    else:
        click.echo(_to_line(job))


@command("purge-queue")
@click.option("--before", type=click.DateTime(), required=True, help="In UTC.")
@json_option
def purge_queue(before: datetime, *, as_json: bool) -> None:
    """Delete the jobs that were delivered or given up, or are unknown, since before a date."""
    deleted = QueueMethods().purge_queue(before=before)
    if as_json:
        print_json({"deleted": deleted})
    else:
        click.echo(f"{deleted} deleted.")


@command("random-assign-license-keys-queued")
@click.option("--product", "product_id", type=ID, required=True, help="The id of the product.")
@click.option("--quantity", type=int, default=1, show_default=True)
@click.option("--generate", is_flag=True, help="Make new license keys with the product's newest active generator.")
@click.option("--owner-name")
@click.option("--owner-email", help="Any text.")
@click.option("--webhook-url", required=True)
@click.option("--identifier", required=True, help="What the receiver knows the order by.")
@json_option
def random_assign_license_keys_queued(product_id: int, *, as_json: bool, **wanted: Any) -> None:
    """Store a job that assigns license keys and delivers them to a webhook."""
    verdict = QueueMethods().random_assign_license_keys_queued(product_id, **wanted)
    job_id = verdict.job.id if verdict.job else None
    if as_json:
        print_json({"code": verdict.code.number, "message": verdict.code.message, "job": job_id})
    else:
        click.echo(f"{verdict.code.number} {verdict.code.message}" + (f": job {job_id}" if job_id else ""))
    if verdict.code is not QUEUED:
        raise click.exceptions.Exit(REFUSED)


def _all(statuses: tuple[str, ...]) -> Iterator[Job]:
    after = 0
    while page := QueueMethods().list_queue(statuses, after=after, limit=_PAGE):
        yield from page
        after = page[-1].id


def _to_json(job: Job) -> dict[str, Any]:
    shown = ("id", "status", "product_id", "quantity", "generate", "identifier", "created_at", "due_at", "failures")
    url = read_webhook_url(job.webhook_url).without_query
    return {**{name: getattr(job, name) for name in shown}, "outcome": job.outcome, "webhook": url}


def _to_line(job: Job) -> str:
    due = f"due {job.due_at:%Y-%m-%d %H:%M:%S}" if job.status is JobStatus.WAITING else "-"
    url = read_webhook_url(job.webhook_url).without_query
    what = f"{job.quantity} of product {job.product_id} for {job.identifier}"
    return "\t".join([str(job.id), job.status.value, what, url, f"{job.failures} failures", due, job.outcome or "-"])


COMMANDS = (work_queue, list_queue, retry_delivery, purge_queue, random_assign_license_keys_queued)
