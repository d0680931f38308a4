"""Locks that others hold, connections that break and commits whose outcome nobody knows."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from flask_licensing.errors import AccessDenied, CommitOutcomeUnknown, ConstraintViolation, TransactionConflict
from flask_licensing.models import LicenseKey
from flask_licensing.products.service import find_product
from flask_licensing.testing.contracts.key_store import NOW
from tests.code_blocks import code_blocks
from tests.databases import DATABASES, SERVER_URL_VARIABLES, end_connections, fresh_database
from tests.programs import PROJECT, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from werkzeug.test import TestResponse

    from flask_licensing.core.domain import Caller
    from tests.hosts import Host

SHORT_LOCK_WAITS = {
    "sqlite": {"timeout": "0.05"},
    "postgresql": {"options": "-c lock_timeout=50ms"},
    "mariadb": {"init_command": "SET SESSION innodb_lock_wait_timeout = 1"},
}
"""How a URL says for how long a statement waits for a lock."""


@pytest.fixture(params=DATABASES)
def impatient_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, once for each kind, that waits for locks for a moment only."""
    with fresh_database(request.param, tmp_path) as url:
        impatient = sa.make_url(url).update_query_dict(SHORT_LOCK_WAITS[request.param])
        yield impatient.render_as_string(hide_password=False)


@pytest.fixture(params=SERVER_URL_VARIABLES)
def host(request: pytest.FixtureRequest, create_host: Callable[..., Host], tmp_path: Path) -> Iterator[Host]:
    """A host app, once over each database that has connections to lose, and a connection in its pool."""
    with fresh_database(request.param, tmp_path) as url:
        host = create_host(url)
        host.create(license_keys='["FIRST"]')
        yield host


@contextmanager
def _uncommitted_license_key(host: Host) -> Iterator[None]:
    """Keep, while the block runs, a transaction open that has stored ``AAAA-1111``; then roll it back."""
    with host.app.app_context(), host.db.engine.connect() as connection, connection.begin() as transaction:
        row = {"license_key": "AAAA-1111", "product_id": host.product_id, "activation_limit": 0, "validity": 0}
        connection.execute(sa.insert(LicenseKey), {**row, "status": "reserved", "created_at": NOW, "updated_at": NOW})
        yield
        transaction.rollback()


def _at_commit(host: Host, happen: Callable[[sa.Connection], None]) -> None:
    """Let something happen once, when a transaction is about to be committed."""
    with host.app.app_context():
        sa.event.listen(host.db.engine, "commit", happen, once=True)


def _break(connection: sa.Connection) -> None:
    end_connections(connection.engine.url.render_as_string(hide_password=False))


def _commit_and_break(connection: sa.Connection) -> None:
    connection.connection.commit()
    # psycopg sends a COMMIT only where there is something to commit.
    connection.exec_driver_sql("SELECT 1")
    _break(connection)


def test_a_lock_that_others_hold_for_longer_than_the_database_waits_is_waited_for(
    impatient_url: str, create_host: Callable[..., Host], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    host = create_host(impatient_url)
    answers: list[TestResponse] = []
    request = threading.Thread(target=lambda: answers.append(host.post(host.fields())))
    with _uncommitted_license_key(host):
        request.start()
        wait_until(lambda: "attempt 2 ended in TransactionConflict" in caplog.messages)
    request.join()
    assert host.verified(answers[0])["created"] == 1


def test_a_lock_that_others_hold_for_longer_than_the_retry_time_is_code_9503(
    impatient_url: str, create_host: Callable[..., Host]
) -> None:
    host = create_host(impatient_url, transaction_retry_seconds=0.1)
    with _uncommitted_license_key(host):
        answer = host.post(host.fields())
    assert (answer.status_code, host.verified(answer)["code"]) == (503, 9503)
    assert int(answer.headers["Retry-After"]) > 0
    assert host.create()["created"] == 1


LOCK_WAIT = {
    "sqlite": "PRAGMA busy_timeout",
    "postgresql": "SHOW lock_timeout",
    "mysql": "SELECT @@innodb_lock_wait_timeout",
}
"""Says for how long a statement waits for a lock."""


def _lock_wait(host: Host) -> object:
    with host.app.app_context(), host.db.engine.connect() as connection:
        return connection.exec_driver_sql(LOCK_WAIT[connection.dialect.name]).scalar_one()


@pytest.mark.parametrize("endpoint", ["assign-license-key", "assign-and-activate-license-key"])
def test_an_assignment_waits_no_longer_for_a_lock_than_its_client_and_leaves_other_waits_as_they_were(
    host_on_each_database: Host, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    host = host_on_each_database
    monkeypatch.setattr("flask_licensing.assignment.endpoints.LONGEST_SECONDS", 0.3)
    host.create()
    waited_before = _lock_wait(host)
    sent = {"license_key": "AAAA-1111", "identifier": "a"}
    with host.app.app_context(), host.db.engine.connect() as connection, connection.begin() as others:
        connection.execute(sa.update(LicenseKey).values(validity=1))
        assert host.ask(endpoint, **sent)["code"] == 9503
        others.rollback()
    assert _lock_wait(host) == waited_before
    monkeypatch.undo()
    assert host.ask(endpoint, **sent)["code"] in {300, 800}


def test_host_code_hears_of_a_held_lock_and_decides_itself(
    impatient_url: str, create_host: Callable[..., Host]
) -> None:
    host = create_host(impatient_url)
    terms: dict[str, Any] = {"product_id": host.product_id, "activation_limit": 0, "validity": 0, "status": "available"}
    with _uncommitted_license_key(host), host.app.app_context(), pytest.raises(TransactionConflict):
        host.licensing.create_license_keys(["AAAA-1111"], **terms)


def test_the_first_request_after_all_connections_broke_is_answered_as_ever(host: Host) -> None:
    end_connections(host.app.config["SQLALCHEMY_DATABASE_URI"])
    assert host.create()["created"] == 1


def test_a_connection_that_breaks_twice_is_code_9503(host: Host) -> None:
    url = host.app.config["SQLALCHEMY_DATABASE_URI"]
    with host.app.app_context():
        sa.event.listen(host.db.engine, "begin", lambda _: end_connections(url))
    answer = host.post(host.fields())
    assert (answer.status_code, host.verified(answer)["code"]) == (503, 9503)
    assert "Retry-After" in answer.headers


@pytest.mark.parametrize("happen", [_break, _commit_and_break])
def test_a_commit_of_unknown_outcome_has_its_one_effect_and_answer_with_an_idempotency_key(
    host: Host, happen: Callable[[sa.Connection], None]
) -> None:
    _at_commit(host, happen)
    first = host.post(host.fields(), headers={"Idempotency-Key": "order-1"})
    second = host.post(host.fields(), headers={"Idempotency-Key": "order-1"})
    assert host.verified(first)["created"] == 1
    assert second.data == first.data


@pytest.mark.parametrize(("happen", "code_of_the_retry"), [(_break, 900), (_commit_and_break, 902)])
def test_a_commit_of_unknown_outcome_is_code_9503_without_an_idempotency_key(
    host: Host, happen: Callable[[sa.Connection], None], code_of_the_retry: int
) -> None:
    _at_commit(host, happen)
    answer = host.post(host.fields())
    response = host.verified(answer)
    assert (answer.status_code, response["code"]) == (503, 9503)
    assert "its whole effect, or none" in response["message"]
    assert host.create()["code"] == code_of_the_retry
    assert host.stored_license_keys() == ["AAAA-1111", "FIRST"]


def test_host_code_hears_of_a_commit_of_unknown_outcome(host: Host) -> None:
    terms: dict[str, Any] = {"product_id": host.product_id, "activation_limit": 0, "validity": 0, "status": "available"}
    _at_commit(host, _break)
    with host.app.app_context(), pytest.raises(CommitOutcomeUnknown):
        host.licensing.create_license_keys(["AAAA-1111"], **terms)


@pytest.mark.parametrize("kind", SERVER_URL_VARIABLES)
def test_a_connection_that_breaks_before_a_rollback_does_not_hide_why_the_request_failed(
    kind: str, create_host: Callable[..., Host], tmp_path: Path
) -> None:
    def refuse(_: object) -> Caller:
        assert find_product(host.licensing.state.key_store, host.product_id)
        end_connections(url)
        raise AccessDenied

    with fresh_database(kind, tmp_path) as url:
        host = create_host(url, authenticator=refuse)
        for _ in range(2):
            answer = host.post(host.fields())
            assert (answer.status_code, host.verified(answer)["code"]) == (403, 150)


def test_what_a_constraint_of_the_hosts_refuses_is_tried_again_once_and_then_a_defect(
    create_host: Callable[..., Host], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    host = create_host()
    with host.app.app_context():
        host.db.session.execute(
            sa.text(
                "CREATE TRIGGER refuse BEFORE INSERT ON licensing_license_keys"
                " BEGIN SELECT RAISE(ABORT, 'not on a Sunday'); END"
            )
        )
        host.db.session.commit()
    answer = host.post(host.fields())
    assert (answer.status_code, host.verified(answer)["code"]) == (500, 9500)
    assert caplog.text.count(f"ended in {ConstraintViolation.__name__}") == 1
    assert "not on a Sunday" in caplog.text
    assert "AAAA-1111" not in caplog.text


@pytest.mark.parametrize(
    ("kind", "name", "question"),
    [
        ("postgresql", "POSTGRESQL", "SELECT extract(epoch FROM current_setting('lock_timeout')::interval)"),
        ("mariadb", "MARIADB", "SELECT @@innodb_lock_wait_timeout"),
    ],
)
def test_the_documented_engine_options_shorten_the_wait_for_a_lock(
    kind: str, name: str, question: str, tmp_path: Path
) -> None:
    documented: dict[str, Any] = {}
    (block,) = code_blocks(PROJECT / "docs" / "reliability.md", "python")
    exec(block, documented)  # noqa: S102 - the documentation's own code
    with fresh_database(kind, tmp_path) as url:
        engine = sa.create_engine(url, **documented[name])
        with engine.connect() as connection:
            assert connection.scalar(sa.text(question)) == 5
        engine.dispose()
