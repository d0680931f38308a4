"""Database servers of the tests' own, which they may stop, start and fill: PostgreSQL and MariaDB."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
import sqlalchemy as sa

from tests.databases import server_url
from tests.programs import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DEBIAN_FOLDERS = (*sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True), "/usr/sbin")
"""Where Debian keeps the programs of servers, none of which is on everybody's ``PATH``."""


class PrivateServer(Protocol):
    """A database server; ``url`` is the SQLAlchemy URL under which databases may be created."""

    url: str

    def start(self) -> None:
        """Start, and return once it takes connections."""

    def stop(self, *, at_once: bool) -> None:
        """Stop in an orderly way or, with ``at_once``, as a crash would."""


class PostgreSQL:
    """PostgreSQL, with its data in a folder."""

    def __init__(self, folder: Path) -> None:
        self._programs = [_program("initdb", "postgresql"), _program("pg_ctl", "postgresql")]
        self._folder = folder
        _give_to("postgres", folder)
        port = _free_port()
        self.url = f"postgresql+psycopg://licensing@127.0.0.1:{port}/postgres"
        self._options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        initdb = [self._programs[0], "--username=licensing", "--auth=trust", "--encoding=UTF8", "--no-sync"]
        self._run(*initdb, "--pgdata", str(folder / "data"))

    def start(self) -> None:
        self._control("start", "-o", self._options, "-l", str(self._folder / "log"))

    def stop(self, *, at_once: bool) -> None:
        self._control("stop", "-m", "immediate" if at_once else "fast")

    def _control(self, *arguments: str) -> None:
        self._run(self._programs[1], *arguments, "--wait", "--pgdata", str(self._folder / "data"))

    def _run(self, *command: str) -> None:
        _run_as("postgres", command, self._folder)


class MariaDB:
    """MariaDB, with its data in a folder."""

    def __init__(self, folder: Path) -> None:
        self._program = _program("mariadbd", "mariadb-server")
        self._folder = folder
        _give_to("mysql", folder)
        port = _free_port()
        self.url = f"mysql+pymysql://root@127.0.0.1:{port}/"
        self._options = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 'socket'}"]
        self._data = ["--no-defaults", f"--datadir={folder / 'data'}"]
        self._process: subprocess.Popen[bytes] | None = None
        install = [_program("mariadb-install-db", "mariadb-server"), *self._data, "--skip-test-db"]
        _run_as("mysql", [*install, "--auth-root-authentication-method=normal"], folder)

    def start(self) -> None:
        command = [self._program, *self._data, *self._options]
        with (self._folder / "programs.log").open("ab") as log:
            self._process = subprocess.Popen(_as_user("mysql", command), stdout=log, stderr=log)  # noqa: S603 - ours
        wait_until(self._answers)

    def stop(self, *, at_once: bool) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL if at_once else signal.SIGTERM)
        self._process.wait(PATIENCE_SECONDS)

    def _answers(self) -> bool:
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        try:
            engine.connect().close()
        except sa.exc.OperationalError:
            return False
        return True


_KINDS: dict[str, type[PostgreSQL] | type[MariaDB]] = {"postgresql": PostgreSQL, "mariadb": MariaDB}

PRIVATE_SERVERS = tuple(_KINDS)


@contextmanager
def private_server(kind: str, folder: Path | None = None) -> Iterator[PrivateServer]:
    """Run a server of a kind, with its data in a folder that is removed afterwards unless one is given.

    Skips where tests on this kind of database are skipped.
    """
    server_url(kind)
    with tempfile.TemporaryDirectory(prefix=f"licensing-{kind}-") as made:
        server: PrivateServer = _KINDS[kind](folder or Path(made))
        server.start()
        try:
            yield server
        finally:
            server.stop(at_once=True)


def _program(name: str, package: str) -> str:
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_DEBIAN_FOLDERS]))
    if found is None:
        pytest.skip(f"needs {name}: install the server, as with “apt-get install {package}”")
    return found


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _give_to(user: str, folder: Path) -> None:
    """Let the user have the folder; servers refuse to run as root."""
    if os.geteuid() == 0:
        shutil.chown(folder, user)


def _as_user(user: str, command: Sequence[str]) -> list[str]:
    return (
        ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
        if os.geteuid() == 0
        else list(command)
    )


def _run_as(user: str, command: Sequence[str], folder: Path) -> None:
    # A pipe instead of the file would never end: the server that the command starts keeps it open.
    with (folder / "programs.log").open("ab") as log:
        subprocess.run(  # noqa: S603 - the tests' own commands
            _as_user(user, command), cwd=folder, stdout=log, stderr=log, check=True, timeout=PATIENCE_SECONDS
        )
