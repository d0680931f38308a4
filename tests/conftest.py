from __future__ import annotations

import gc
import os
import signal
import sqlite3
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization

from flask_licensing.private_keys.signing import generate_private_key
from tests import hosts
from tests.databases import DATABASES, fresh_database
from tests.gunicorn_server import running_gunicorn
from tests.private_servers import PRIVATE_SERVERS, private_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.gunicorn_server import GunicornServer
    from tests.hosts import Host
    from tests.private_servers import PrivateServer

pytest_plugins = ["pytester"]


def pytest_configure() -> None:
    """Let programs be ended by the signals that a shell in the background, or nohup, has all of them ignore."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run whole folders on every core unless ``-n`` says otherwise; single files start sooner in one process.

    There is one process more than there are cores, because some tests wait for others' programs.
    """
    of_xdist = config.pluginmanager.hasplugin("xdist") and not hasattr(config, "workerinput")
    if of_xdist and config.option.numprocesses is None and all(Path(argument).is_dir() for argument in config.args):
        config.option.numprocesses, config.option.dist = (os.cpu_count() or 1) + 1, "worksteal"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, those of load and faults, so that none is the last that all others wait for."""
    items.sort(key=lambda item: "serve" not in getattr(item, "fixturenames", ()))


def pytest_collection_finish() -> None:
    """Let garbage collection pass over what all tests have in common: it looked through that again and again."""
    # At its first use Hypothesis looks for what refers to its random numbers, and does not see what is passed over.
    hypothesis.find(hypothesis.strategies.none(), lambda _: True)
    gc.freeze()


@sa.event.listens_for(sa.Engine, "connect")
def _wait_for_no_disk(connection: Any, _: object) -> None:
    """Let SQLite leave writing to the system: what tests store has to outlive their processes, not the machine."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, once for each kind."""
    with fresh_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture(scope="session")
def private_key() -> str:
    """An RSA private key, as PEM; made once, because making one takes long."""
    return generate_private_key().decode()


@pytest.fixture(scope="session")
def public_key(private_key: str) -> str:
    """The public key of ``private_key``, as PEM."""
    loaded = serialization.load_pem_private_key(private_key.encode(), password=None)
    return (
        loaded.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


@pytest.fixture
def create_host(private_key: str, public_key: str, tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """A factory of host apps, over SQLite unless it is given a database's URL."""
    made: list[Host] = []

    def create(database_url: str | None = None, **settings: Any) -> Host:
        url = database_url or f"sqlite:///{tmp_path / f'host-{len(made)}.db'}"
        made.append(hosts.create_host(url, private_key, public_key, **settings))
        return made[-1]

    yield create
    for host in made:
        with host.app.app_context():
            host.db.engine.dispose()


@pytest.fixture
def host(create_host: Callable[..., Host]) -> Host:
    """A host app over SQLite with the default settings."""
    return create_host()


@pytest.fixture
def host_on_each_database(create_host: Callable[..., Host], database_url: str) -> Host:
    """A host app with the default settings, once over each kind of database."""
    return create_host(database_url)


@pytest.fixture(scope="session", params=PRIVATE_SERVERS)
def own_server(request: pytest.FixtureRequest) -> Iterator[PrivateServer]:
    """A running PostgreSQL or MariaDB server that the test may stop, if it starts it again."""
    with private_server(request.param) as server:
        yield server


@pytest.fixture
def serve(private_key: str, tmp_path: Path) -> Callable[..., AbstractContextManager[GunicornServer]]:
    """Serves a host app's database through gunicorn: ``with serve(host, workers=2) as server``.

    More positional arguments are gunicorn's, more keyword arguments configuration of the app, as texts.
    """

    return partial(_serve, private_key, tmp_path)


@pytest.fixture(scope="session")
def shared_server(
    private_key: str, public_key: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Host, GunicornServer]]:
    """A host app over SQLite behind gunicorn with one worker, for all tests that only send requests.

    Other tests have sent theirs before: each sends license keys of its own.
    """
    folder = tmp_path_factory.mktemp("shared-server")
    host = hosts.create_host(f"sqlite:///{folder / 'site.db'}", private_key, public_key)
    with _serve(private_key, folder, host, workers=1) as server:
        yield host, server
    with host.app.app_context():
        host.db.engine.dispose()


def _serve(
    private_key: str, folder: Path, host: Host, *arguments: str, workers: int, **settings: str
) -> AbstractContextManager[GunicornServer]:
    variables = {
        "SERVED_HOST_PRIVATE_KEY": private_key,
        "FLASK_LICENSING_PRIVATE_KEY_SOURCE": "env:SERVED_HOST_PRIVATE_KEY",
        "FLASK_SQLALCHEMY_DATABASE_URI": host.app.config["SQLALCHEMY_DATABASE_URI"],
        **{f"FLASK_{name}": value for name, value in settings.items()},
    }
    return running_gunicorn(folder, *arguments, workers=workers, **variables)
