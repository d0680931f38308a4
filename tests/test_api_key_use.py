"""When an API key was last used: written last and alone, so that no request waits for another because of it."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from marshmallow import Schema

from flask_licensing.core.domain import Caller
from flask_licensing.http import endpoint
from flask_licensing.testing.parts import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.pool import QueuePool

    from tests.hosts import Host

HANGS_AFTER_SECONDS = 30
FIRST_USE = datetime(2026, 1, 1)


@pytest.fixture
def host_at_refresh(create_host: Callable[..., Host], database_url: str) -> Host:
    """A host whose API key has an old time of use, with one answer to replay; on SQLite locks are waited for."""
    clock = FrozenClock()
    waiting = "?timeout=3600" if database_url.startswith("sqlite") else ""
    host = create_host(f"{database_url}{waiting}", clock=clock)
    host.post(host.fields(), headers={"Idempotency-Key": "order-1"})
    clock.move(days=1)
    return host


def _last_used(host: Host) -> datetime | None:
    with host.app.app_context():
        return host.licensing.list_api_keys()[0].last_used_at


def _is_sqlite(host: Host) -> bool:
    with host.app.app_context():
        return host.db.engine.dialect.name == "sqlite"


def _without_waiting(call: Callable[[], Any]) -> Any:
    """Return what a call does while locks are held that end after this."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(call()), daemon=True)
    thread.start()
    thread.join(HANGS_AFTER_SECONDS)
    assert results, "it waits"
    return results[0]


@contextmanager
def _request_halted_at_its_record_of_use(host: Host) -> Iterator[None]:
    """Hold one request where it has written the time of use and not yet committed."""
    written, go_on = threading.Event(), threading.Event()

    def halt(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE licensing_api_keys") and threading.current_thread() is thread:
            written.set()
            assert go_on.wait(HANGS_AFTER_SECONDS * 4)

    with host.app.app_context():
        engine = host.db.engine
    thread = threading.Thread(target=lambda: host.create(license_keys='["HALTED"]'))
    sa.event.listen(engine, "after_cursor_execute", halt)
    try:
        thread.start()
        assert written.wait(HANGS_AFTER_SECONDS)
        yield
    finally:
        go_on.set()
        thread.join()
        sa.event.remove(engine, "after_cursor_execute", halt)


def test_requests_of_one_api_key_do_not_wait_for_one_anothers_record_of_use(host_at_refresh: Host) -> None:
    host = host_at_refresh
    with _request_halted_at_its_record_of_use(host):
        assert _without_waiting(lambda: host.create(status="sold"))["code"] == 901
        # On SQLite whoever creates waits for whoever writes, as SQLite has one lock.
        if not _is_sqlite(host):
            assert _without_waiting(lambda: host.create(license_keys='["B"]'))["code"] == 900
        assert "HALTED" in host.stored_license_keys()
    assert _last_used(host) == datetime(2026, 1, 2)


def test_a_request_that_only_reads_needs_no_write_lock_of_sqlite(host_at_refresh: Host) -> None:
    host = host_at_refresh
    if not _is_sqlite(host):
        pytest.skip("the others have no such lock")
    with host.app.app_context(), host.db.engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        assert _without_waiting(lambda: host.create(status="sold"))["code"] == 901
        assert _without_waiting(lambda: _last_used(host)) == FIRST_USE
        other.rollback()
    assert host.create(status="sold")["code"] == 901
    assert _last_used(host) == datetime(2026, 1, 2)
    with host.app.app_context():
        timeouts = {host.db.session.execute(sa.text("PRAGMA busy_timeout")).scalar() for _ in range(3)}
    assert timeouts == {3_600_000}


@pytest.mark.parametrize("code", [900, 9409, 101, 103, 9400, 9415])
def test_a_refused_or_repeated_request_writes_no_time_of_use(host_at_refresh: Host, code: int) -> None:
    host = host_at_refresh
    with host.app.app_context():
        revoked = host.licensing.create_api_key("revoked")
        host.licensing.revoke_api_key(revoked.api_key.id)
        elsewhere = host.licensing.create_api_key("elsewhere", allowed_ips=["192.0.2.1"])
    options: dict[int, dict[str, Any]] = {
        900: {"headers": {"Idempotency-Key": "order-1"}},
        9409: {"headers": {"Idempotency-Key": "order-1"}},
        101: {"headers": {"Authorization": f"Bearer {revoked.secret}"}},
        103: {"headers": {"Authorization": f"Bearer {elsewhere.secret}"}},
        9400: {"headers": {"Idempotency-Key": " "}},
        9415: {"content_type": "text/plain"},
    }
    answer = host.post(host.fields(validity="1" if code == 9409 else "0"), **options[code])
    assert host.verified(answer)["code"] == code
    with host.app.app_context():
        assert {key.last_used_at for key in host.licensing.list_api_keys()} == {FIRST_USE, None}


def test_a_body_is_parsed_and_its_fields_are_read_while_no_connection_is_in_use(
    host_on_each_database: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = host_on_each_database
    with host.app.app_context():
        pool: QueuePool = host.db.engine.pool  # type: ignore[assignment]
    in_use = {}

    def watch(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def watched(self: Any, *arguments: Any, **options: Any) -> Any:
            in_use[owner, name] = pool.checkedout()
            return original(self, *arguments, **options)

        monkeypatch.setattr(owner, name, watched)

    watch(endpoint, "read_fields")
    watch(Schema, "load")
    assert host.create()["code"] == 900
    assert in_use == {(endpoint, "read_fields"): 0, (Schema, "load"): 0}


def test_a_record_of_use_that_fails_fails_no_answer(
    create_host: Callable[..., Host], caplog: pytest.LogCaptureFixture
) -> None:
    def record_use() -> None:
        raise OSError("no such day")

    host = create_host(authenticator=lambda _: Caller("somebody", record_use))
    with caplog.at_level(logging.INFO, "flask_licensing"):
        assert host.create()["code"] == 900
    assert "a use was not recorded: OSError" in caplog.text
    assert host.stored_license_keys() == ["AAAA-1111"]
