"""Databases that are up and refuse: they are read-only, full, or have no connection left."""

from __future__ import annotations

import json
import logging
import secrets
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_licensing import Licensing
from tests.databases import fresh_database_on
from tests.hosts import Host, set_up_licensing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.private_servers import PrivateServer

CREATE_USER = {
    "postgresql": ["CREATE ROLE {user} LOGIN", "ALTER DATABASE {database} OWNER TO {user}"],
    "mysql": ["CREATE USER {user}@localhost", "GRANT ALL ON {database}.* TO {user}@localhost"],
}
READ_ONLY = {
    "postgresql": ["ALTER DATABASE {database} SET default_transaction_read_only = on"],
    "mysql": ["SET GLOBAL read_only = 1"],
}
WRITABLE = {
    "postgresql": ["ALTER DATABASE {database} RESET default_transaction_read_only"],
    "mysql": ["SET GLOBAL read_only = 0"],
}
ONE_CONNECTION = {
    "postgresql": ["ALTER ROLE {user} CONNECTION LIMIT 1"],
    "mysql": ["GRANT USAGE ON *.* TO {user}@localhost WITH MAX_USER_CONNECTIONS 1"],
}


class Administrator:
    """Whoever changes, as the superuser, what a site's own user of the database may do."""

    def __init__(self, server_url: str, site_url: sa.URL) -> None:
        self._engine = sa.create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        self._names = {"user": site_url.username, "database": site_url.database}

    def do(self, statements: dict[str, list[str]]) -> None:
        with self._engine.connect() as connection:
            for statement in statements[self._engine.dialect.name]:
                connection.execute(sa.text(statement.format(**self._names)))


@pytest.fixture
def site_url(own_server: PrivateServer) -> Iterator[sa.URL]:
    """The URL of an empty database for a user of its own."""
    with fresh_database_on(own_server.url) as url:
        yield sa.make_url(url).set(username=f"site_{secrets.token_hex(4)}")


@pytest.fixture
def administrator(own_server: PrivateServer, site_url: sa.URL) -> Administrator:
    administrator = Administrator(own_server.url, site_url)
    administrator.do(CREATE_USER)
    return administrator


@pytest.fixture
def host(administrator: Administrator, site_url: sa.URL, create_host: Callable[..., Host]) -> Host:
    """A host app whose user of the database is no superuser."""
    return create_host(site_url.render_as_string(hide_password=False))


@pytest.fixture
def host_on_sqlite(create_host: Callable[..., Host]) -> Host:
    return create_host()


def _reconnect(host: Host) -> None:
    """Let the host's next statement be the first of a new connection."""
    with host.app.app_context():
        host.db.engine.dispose()


def _assert_refused(host: Host, caplog: pytest.LogCaptureFixture, reasons: Sequence[str], **changes: str) -> None:
    """Check that a request is refused in the contract's form and that the log names one of the reasons."""
    caplog.clear()
    answer = host.post(host.fields(**changes))
    assert (answer.status_code, host.verified(answer)["code"]) == (503, 9503)
    assert int(answer.headers["Retry-After"]) > 0
    (error,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert error.levelno == logging.ERROR
    assert any(reason in error.getMessage() for reason in reasons)
    assert error.exc_info is None


def test_a_server_that_turned_read_only_is_code_9503_until_it_is_writable_again(
    host: Host, administrator: Administrator, caplog: pytest.LogCaptureFixture
) -> None:
    host.create(license_keys='["BEFORE"]')
    administrator.do(READ_ONLY)
    _reconnect(host)
    try:
        _assert_refused(host, caplog, ["read-only transaction", "--read-only option"])
    finally:
        administrator.do(WRITABLE)
    _reconnect(host)
    assert host.create(license_keys='["AFTER"]')["created"] == 1
    assert host.stored_license_keys() == ["AFTER", "BEFORE"]


def test_a_server_without_a_connection_left_is_code_9503_until_there_is_one(
    host: Host, administrator: Administrator, site_url: sa.URL, caplog: pytest.LogCaptureFixture
) -> None:
    _reconnect(host)
    administrator.do(ONE_CONNECTION)
    other = sa.create_engine(site_url)
    with other.connect():
        _assert_refused(host, caplog, ["too many connections", "max_user_connections"])
    other.dispose()
    assert host.create()["created"] == 1


def test_a_pool_without_a_connection_left_is_code_9503_until_there_is_one(
    tmp_path: Path, private_key: str, public_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Flask("site")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'site.db'}"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.05}
    host = set_up_licensing(app, private_key, public_key)
    with app.app_context(), host.db.engine.connect():
        _assert_refused(host, caplog, ["QueuePool limit of size 1 overflow 0 reached"])
    assert host.create()["created"] == 1
    with app.app_context():
        host.db.engine.dispose()


def test_a_read_only_file_is_code_9503(
    tmp_path: Path, create_host: Callable[..., Host], private_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    writable = create_host(f"sqlite:///{tmp_path / 'site.db'}")
    writable.create(license_keys='["BEFORE"]')
    app = Flask("read-only")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///file:{tmp_path / 'site.db'}?mode=ro&uri=true"
    db = SQLAlchemy(app)
    licensing = Licensing(app, db, private_key_source=lambda _: private_key)
    host = Host(app, db, licensing, writable.product_id, writable.secret, writable.public_key)
    _assert_refused(host, caplog, ["attempt to write a readonly database"])
    assert writable.stored_license_keys() == ["BEFORE"]
    with app.app_context():
        db.engine.dispose()


def test_a_file_that_may_not_grow_is_code_9503_and_nothing_is_half_done_until_it_may(
    host_on_sqlite: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host = host_on_sqlite
    keys = json.dumps([f"KEY-{number}" for number in range(5000)])
    with host.app.app_context():
        pages = host.db.session.scalar(sa.text("PRAGMA page_count"))
        host.db.session.rollback()
        host.db.session.execute(sa.text(f"PRAGMA max_page_count = {pages + 4}"))
        host.db.session.rollback()
    _assert_refused(host, caplog, ["database or disk is full"], license_keys=keys)
    assert host.create(license_keys='["SMALL"]')["created"] == 1
    assert host.stored_license_keys() == ["SMALL"]
    _reconnect(host)
    assert host.create(license_keys=keys)["created"] == 5000
