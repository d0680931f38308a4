"""Several worker processes of a real WSGI server at once, on each database.

``LICENSING_TEST_SCALE=10 LICENSING_TEST_SEED=7 python -m pytest tests/test_under_load.py`` does ten times as much, with
other keys.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from flask_licensing.verification import verify_response
from tests.databases import fresh_database
from tests.http_client import at_once
from tests.scale import SCALE, SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.gunicorn_server import GunicornServer
    from tests.hosts import Host
    from tests.http_client import Answer

WORKERS = 4
CLIENTS = 16
REQUESTS_OF_A_CLIENT = SCALE
KEYS_OF_A_REQUEST = 500
DISTINCT_KEYS = 2000
"""How many license keys the clients choose from: few, so that the same one is asked for in several requests at once."""

WRITE_AHEAD_LOG = "PRAGMA journal_mode = WAL"


@dataclass(frozen=True)
class SetUp:
    """A database and how a host uses it."""

    database: str
    settings: Mapping[str, str] = field(default_factory=dict)
    statement: str = "SELECT 1"


def _isolated(database: str, level: str) -> SetUp:
    return SetUp(database, {"SQLALCHEMY_ENGINE_OPTIONS": json.dumps({"isolation_level": level})})


SET_UPS = {
    "sqlite": SetUp("sqlite"),
    "sqlite-wal": SetUp("sqlite", statement=WRITE_AHEAD_LOG),
    "sqlite-begin": SetUp("sqlite", {"SQLITE_BEGIN": "BEGIN"}),
    "sqlite-wal-begin": SetUp("sqlite", {"SQLITE_BEGIN": "BEGIN"}, WRITE_AHEAD_LOG),
    "postgresql": SetUp("postgresql"),
    "postgresql-serializable": _isolated("postgresql", "SERIALIZABLE"),
    "mariadb": SetUp("mariadb"),
    "mariadb-serializable": _isolated("mariadb", "SERIALIZABLE"),
    "mariadb-snapshot": SetUp(
        "mariadb",
        {
            "SQLALCHEMY_ENGINE_OPTIONS": json.dumps(
                {"connect_args": {"init_command": "SET SESSION innodb_snapshot_isolation = ON"}}
            )
        },
    ),
}


@pytest.fixture(params=SET_UPS)
def set_up(request: pytest.FixtureRequest) -> SetUp:
    return SET_UPS[request.param]


@pytest.fixture
def host(set_up: SetUp, create_host: Callable[..., Host], tmp_path: Path) -> Iterator[Host]:
    """A host app, once for each way to use a database."""
    with fresh_database(set_up.database, tmp_path) as url:
        host = create_host(url)
        with host.app.app_context():
            host.db.session.execute(sa.text(set_up.statement))
            host.db.session.commit()
        yield host


def _response(host: Host, answer: Answer) -> Mapping[str, Any]:
    assert answer.status == 200, answer
    return verify_response(answer.body, host.public_key).response


def test_what_clients_create_at_once_adds_up_to_what_is_stored(
    host: Host, set_up: SetUp, serve: Callable[..., AbstractContextManager[GunicornServer]]
) -> None:
    sent: set[str] = set()
    created = 0
    requests = CLIENTS * REQUESTS_OF_A_CLIENT
    draw = random.Random(SEED)  # noqa: S311 - chooses which keys meet, and has to be repeatable
    batches = [[f"KEY-{draw.randrange(DISTINCT_KEYS):05}" for _ in range(KEYS_OF_A_REQUEST)] for _ in range(requests)]

    def client(server: GunicornServer, own_batches: list[list[str]]) -> list[Answer]:
        return [server.post(host, license_keys=json.dumps(batch)) for batch in own_batches]

    with serve(host, "--preload", workers=WORKERS, **set_up.settings) as server:
        clients = [partial(client, server, batches[number::CLIENTS]) for number in range(CLIENTS)]
        answers = at_once(clients)
    for number, of_a_client in enumerate(answers):
        for batch, answer in zip(batches[number::CLIENTS], of_a_client, strict=True):
            response = _response(host, answer)
            assert response["created"] + response["duplicate"] == len(batch)
            created += response["created"]
            sent.update(batch)
    assert host.stored_license_keys() == sorted(sent)
    assert created == len(sent)


def test_clients_that_send_one_idempotency_key_at_once_get_one_answer_and_have_one_effect(
    host_on_each_database: Host, serve: Callable[..., AbstractContextManager[GunicornServer]]
) -> None:
    host = host_on_each_database
    with serve(host, "--preload", workers=WORKERS) as server:
        for order, count in enumerate([1, 5000] * SCALE):
            keys = [f"KEY-{order}-{number}" for number in range(count)]
            call = partial(server.post, host, idempotency_key=f"order-{order}", license_keys=json.dumps(keys))
            answers = at_once([call] * CLIENTS)
            assert [_response(host, answer)["created"] for answer in answers] == [count] * CLIENTS
            assert len({answer.body for answer in answers}) == 1
    assert len(host.stored_license_keys()) == (1 + 5000) * SCALE
