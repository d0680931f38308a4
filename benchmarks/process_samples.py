"""What a server and its database hold at a moment: memory, open files, connections (Linux: read from ``/proc``)."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONNECTIONS = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "mysql": "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()",
}


@dataclass(frozen=True)
class ProcessSample:
    """Resident memory of all workers together, in MB, their open files, and the connections to their database."""

    memory: float
    open_files: int
    connections: int


class Sampler:
    """Takes samples of the workers of a server and of one database; with SQLite a connection is an open file of it."""

    def __init__(self, database_url: str) -> None:
        self._engine = sa.create_engine(database_url, poolclass=sa.NullPool)

    def sample(self, process_ids: Sequence[int]) -> ProcessSample:
        """Return what is held at this moment."""
        files = [target for process_id in process_ids for target in _open_files(process_id)]
        return ProcessSample(sum(map(_resident, process_ids)), len(files), self._connections(files))

    def _connections(self, open_files: Sequence[str]) -> int:
        if self._engine.dialect.name not in _CONNECTIONS:
            return open_files.count(str(self._engine.url.database))
        with self._engine.connect() as connection:
            return int(connection.scalar(sa.text(_CONNECTIONS[self._engine.dialect.name])) or 0)


def _resident(process_id: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process_id}/status").read_text())
    assert found  # noqa: S101 - Linux always says
    return int(found[1]) * 1024 / 1e6


def _open_files(process_id: int) -> list[str]:
    targets = []
    for link in Path(f"/proc/{process_id}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            targets.append(str(link.readlink()))
    return targets
