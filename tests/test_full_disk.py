"""A disk that is full: a small one of the test's own, with the data of each database on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.databases import DATABASES, fresh_database_on
from tests.private_servers import private_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from werkzeug.test import TestResponse

    from tests.hosts import Host

SPACE_LEFT = 24 * 1024 * 1024
"""Bytes: less than twenty requests take, and more than a segment of PostgreSQL's log, without which it can't work."""

KEYS_OF_A_REQUEST = 5000
MOST_REQUESTS = 100


class SmallDisk:
    """A file system in memory whose size can be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leave(self, space: int) -> None:
        """Leave so many bytes."""
        status = os.statvfs(self.folder)
        used = (status.f_blocks - status.f_bfree) * status.f_frsize
        self._resize(used + space)

    def make_room(self) -> None:
        """Leave as much as anyone here needs."""
        self._resize(1024**3)

    def _resize(self, size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.folder)], check=True)  # noqa: S603, S607 - as below


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs a disk of its own: run as root on Linux")
    with tempfile.TemporaryDirectory(prefix="licensing-disk-") as folder:
        mount = subprocess.run(  # noqa: S603 - the test's own command
            ["mount", "-t", "tmpfs", "tmpfs", folder],  # noqa: S607 - wherever it is
            check=False,
            capture_output=True,
            text=True,
        )
        if mount.returncode:
            pytest.skip(f"needs a disk of its own, which may not be mounted here: {mount.stderr}")
        try:
            yield SmallDisk(Path(folder))
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S603, S607 - the test's own command


@contextmanager
def _database_on(disk: SmallDisk, kind: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the URL of an empty database with its data on the disk, and what an operator does once there is room."""
    if kind == "sqlite":
        yield f"sqlite:///{disk.folder / 'site.db'}", lambda: None
        return
    with private_server(kind, disk.folder) as server, fresh_database_on(server.url) as url:

        def restart() -> None:
            server.stop(at_once=True)
            server.start()

        yield url, restart


def _order(host: Host, number: int) -> TestResponse:
    keys = json.dumps([f"{number}-{'x' * 200}-{key}" for key in range(KEYS_OF_A_REQUEST)])
    return host.post(host.fields(license_keys=keys), headers={"Idempotency-Key": f"order-{number}"})


@pytest.mark.parametrize("kind", DATABASES)
def test_a_full_disk_is_code_9503_nothing_is_half_done_and_with_room_it_goes_on(
    kind: str, small_disk: SmallDisk, create_host: Callable[..., Host]
) -> None:
    with _database_on(small_disk, kind) as (url, restart):
        host = create_host(url)
        small_disk.leave(SPACE_LEFT)
        done = 0
        while (answer := _order(host, done)).status_code == 200:
            done += 1
            assert done < MOST_REQUESTS
        assert (answer.status_code, host.verified(answer)["code"]) == (503, 9503)
        assert int(answer.headers["Retry-After"]) > 0
        small_disk.make_room()
        restart()
        again = _order(host, done)
        assert host.verified(again)["created"] == KEYS_OF_A_REQUEST
        assert len(host.stored_license_keys()) == (done + 1) * KEYS_OF_A_REQUEST
        with host.app.app_context():
            host.db.engine.dispose()
