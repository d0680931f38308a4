"""The real ``flask db`` commands of Flask-Migrate in a host with tables of its own."""

from __future__ import annotations

import logging
import logging.config
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask_migrate.cli
import pytest
import sqlalchemy as sa

from flask_licensing.audit.triggers import find_triggers
from tests.code_blocks import code_blocks
from tests.test_models import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Flask-Migrate's own template of env.py calls it.
pytestmark = pytest.mark.filterwarnings("ignore:'get_engine' is deprecated:DeprecationWarning")

MIGRATIONS_PAGE = Path(__file__).parent.parent / "docs" / "migrations.md"

HOST = """
import os

import sqlalchemy as sa
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from flask_licensing import Licensing
from flask_licensing.models import LicenseKey

convention = {"uq": "uq_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"} if CONVENTION else None
db = SQLAlchemy(metadata=sa.MetaData(naming_convention=convention))
licensing = Licensing(db=db)


class Order(db.Model):
    __tablename__ = "a_hosts_orders"
    id = db.Column(db.Integer, primary_key=True)
    number = db.Column(db.String(20), unique=True)
    license_key_id = db.Column(sa.ForeignKey(LicenseKey.id, name="fk_a_hosts_orders_license_key_id"))


def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["SITE_DATABASE_URL"]
    db.init_app(app)
    Migrate(app, db)
    licensing.init_app(app)
    return app
"""


@pytest.fixture(params=[False, True], ids=["plain", "naming convention"])
def flask_db(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Callable[..., str]:
    """Runs ``flask db …`` for each command in the host's folder, and returns what they printed and logged."""
    site: dict[str, Any] = {"__name__": "site_app"}
    monkeypatch.setenv("SITE_DATABASE_URL", database_url)
    exec(HOST.replace("CONVENTION", str(request.param)), site)  # noqa: S102 - the test's own host
    monkeypatch.chdir(tmp_path)
    # The migrations of a host configure logging for the process, which is the other tests' too.
    monkeypatch.setattr(logging.config, "fileConfig", lambda _: None)
    caplog.set_level(logging.INFO)

    def run(*commands: str) -> str:
        caplog.clear()
        return "".join(run_one(command) for command in commands) + caplog.text

    def run_one(command: str) -> str:
        # An app of its own, as in a process of its own: Flask-Migrate keeps with the app what one command asked for.
        app = site["create_app"]()
        result = app.test_cli_runner().invoke(flask_migrate.cli.db, command.split())
        with app.app_context():
            site["db"].engine.dispose()
        assert result.exit_code == 0, result.output + caplog.text
        return str(result.output)

    return run


def _tables(database_url: str) -> set[str]:
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    try:
        return set(sa.inspect(engine).get_table_names())
    finally:
        engine.dispose()


def _triggers(database_url: str) -> list[bool]:
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return list((find_triggers(connection) or {}).values())


def test_the_first_migration_creates_the_tables_the_second_finds_nothing_and_downgrade_works(
    flask_db: Callable[..., str], tmp_path: Path, database_url: str
) -> None:
    flask_db("init", "migrate -m licensing", "upgrade")
    assert TABLES | {"a_hosts_orders"} <= _tables(database_url)
    assert "No changes in schema detected" in flask_db("check", "migrate -m again")
    (migration,) = (tmp_path / "migrations" / "versions").glob("*.py")
    created = set(re.findall(r"create_table\(\s*'(\w+)'", migration.read_text()))
    assert created == TABLES | {"a_hosts_orders"}
    flask_db("downgrade base")
    assert _tables(database_url) <= {"alembic_version"}


def test_a_site_with_the_tables_of_before_gets_exactly_the_new_ones(
    flask_db: Callable[..., str], tmp_path: Path, database_url: str
) -> None:
    flask_db("init", "migrate -m licensing", "upgrade")
    with _connected(database_url) as connection:
        connection.execute(sa.text(_PRODUCT_OF_BEFORE))
        for statement in _BACK_TO_BEFORE:
            on = " ON licensing_license_keys" if "INDEX" in statement and connection.dialect.name == "mysql" else ""
            connection.execute(sa.text(statement + on))
    flask_db("migrate -m life", "upgrade")
    (migration,) = (tmp_path / "migrations" / "versions").glob("*_life.py")
    upgrade = migration.read_text().partition("def downgrade")[0]
    assert re.findall(r"create_table\(\s*'(\w+)'", upgrade) == ["licensing_activations", "licensing_metadata"]
    added = re.findall(r"add_column\('?(?:licensing_products', )?sa\.Column\('(\w+)'", upgrade)
    assert sorted(added) == ["description", "external_reference", "require_non_expired", "source", "status"]
    with _connected(database_url) as connection:
        row = connection.execute(sa.text("SELECT * FROM licensing_products")).one()
    assert (row.description, row.external_reference, row.source, row.status) == ("", "", "internal", "active")
    assert not row.require_non_expired
    assert len(re.findall(r"create_index\(", upgrade)) == 4
    assert not re.findall(r"drop_|alter_column", upgrade)
    assert "No changes in schema detected" in flask_db("check", "migrate -m again")
    flask_db("downgrade")
    assert "licensing_activations" not in _tables(database_url)


_PRODUCT_OF_BEFORE = (
    "INSERT INTO licensing_products (name, created_at, updated_at)"
    " VALUES ('Photo Editor', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
)
_BACK_TO_BEFORE = (
    "DROP TABLE licensing_activations",
    "DROP TABLE licensing_metadata",
    *(
        f"ALTER TABLE licensing_products DROP COLUMN {name}"
        for name in ("status", "description", "external_reference", "require_non_expired", "source")
    ),
    "DROP INDEX ix_licensing_license_keys_status",
    "DROP INDEX ix_licensing_license_keys_status_only",
    "DROP INDEX ix_licensing_license_keys_owner_name",
    "DROP INDEX ix_licensing_license_keys_owner_email",
)


@contextmanager
def _connected(database_url: str) -> Iterator[sa.Connection]:
    """Yield a connection whose changes are committed, and close what it needs."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


@pytest.mark.parametrize("flask_db", [False], indirect=True)
def test_the_line_of_the_docs_brings_the_triggers_also_in_a_script_and_takes_them_away(
    flask_db: Callable[..., str], tmp_path: Path, database_url: str
) -> None:
    flask_db("init", "migrate -m licensing", "upgrade")
    assert not any(_triggers(database_url))
    flask_db("revision -m protect")
    (migration,) = (tmp_path / "migrations" / "versions").glob("*_protect.py")
    (line,) = (block for block in code_blocks(MIGRATIONS_PAGE, "python") if "create_triggers" in block)
    migration.write_text(migration.read_text().partition("def upgrade")[0] + line)
    script = flask_db("upgrade --sql")
    assert script.count("CREATE TRIGGER") == len(_triggers(database_url)) > 0
    flask_db("upgrade")
    assert all(_triggers(database_url))
    flask_db("downgrade base")
    assert _tables(database_url) <= {"alembic_version"}
