"""``audit-log``, ``purge-audit-log``, ``protect-audit-log`` and ``purge-idempotency-records``."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from flask_licensing.audit.methods import RecordKeeping
from flask_licensing.core.cli import command, json_option, print_json, print_json_list, print_lines
from flask_licensing.core.domain import MAX_INTEGER
from flask_licensing.core.log_text import printable
from flask_licensing.core.state import current_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from flask_licensing.audit.store import AuditRecord

DEFAULT_LIMIT = 100

MAX_DAYS = 365 * 100


def _cutoff_options(command: Callable[..., None]) -> Callable[..., None]:
    before = click.option("--before", type=click.DateTime(), help="Delete what is from before this time, in UTC.")
    keep_days = click.option(
        "--keep-days", type=click.IntRange(0, MAX_DAYS), help="Delete what is older than so many days."
    )
    return before(keep_days(command))


@command("audit-log")
@click.option(
    "--limit",
    type=click.IntRange(0, MAX_INTEGER),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="Most records; 0 is all.",
)
@click.option("--since", type=click.DateTime(), help="The earliest time, in UTC; by default any.")
@click.option("--action", help="What changed; by default any.")
@json_option
def audit_log(limit: int, since: datetime | None, action: str | None, *, as_json: bool) -> None:
    """Show what changed the key store, newest first."""
    known = current_state().audit_actions
    if action is not None and action not in known:
        raise click.BadParameter(f"{action!r} is none of {', '.join(known)}.", param_hint="--action")
    records = RecordKeeping().audit_log(limit=limit or None, since=since, action=action)
    if as_json:
        print_json_list(map(_to_dict, records))
    else:
        print_lines(map(_to_line, records), if_none="There are no records.")


@command("purge-audit-log")
@_cutoff_options
@json_option
def purge_audit_log(before: datetime | None, keep_days: int | None, *, as_json: bool) -> None:
    """Delete old records of the audit log; the purge is itself recorded."""
    _print_deleted(RecordKeeping().purge_audit_log(_cutoff(before, keep_days)), as_json=as_json)


@command("protect-audit-log")
def protect_audit_log() -> None:
    """Create the triggers that make the audit log append-only."""
    RecordKeeping().protect_audit_log()
    click.echo("The audit log is append-only.")


@command("purge-idempotency-records")
@_cutoff_options
@json_option
def purge_idempotency_records(before: datetime | None, keep_days: int | None, *, as_json: bool) -> None:
    """Delete old answers to idempotency keys, which have their effect again from there on."""
    _print_deleted(RecordKeeping().purge_idempotency_records(_cutoff(before, keep_days)), as_json=as_json)


def _cutoff(before: datetime | None, keep_days: int | None) -> datetime:
    if before is not None and keep_days is None:
        return before
    if keep_days is not None and before is None:
        return current_state().clock() - timedelta(days=keep_days)
    raise click.UsageError("Give one of --before and --keep-days.")


def _print_deleted(count: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"deleted": count})
    else:
        click.echo(f"{count} records deleted.")


def _to_dict(record: AuditRecord) -> dict[str, object]:
    event = dataclasses.asdict(record.event)
    return {"id": record.id, **event.pop("origin"), **event}


def _to_line(record: AuditRecord) -> str:
    event = record.event
    counts = {"created": event.created, "duplicate": event.duplicate, "deleted": event.deleted}
    details = [
        *([f"product {event.product_id}"] if event.product_id is not None else []),
        *([event.target] if event.target else []),
        *(f"{count} {name}" for name, count in counts.items() if count is not None),
        *([f"before {event.deleted_before}"] if event.deleted_before else []),
    ]
    origin = event.origin
    fields = [f"{event.occurred_at:%Y-%m-%d %H:%M:%S} UTC", origin.actor, event.action, ", ".join(details)]
    return "\t".join(map(printable, [*fields, origin.remote_address or "-", origin.request_id or "-"]))


COMMANDS = (audit_log, purge_audit_log, protect_audit_log, purge_idempotency_records)
