"""Private keys that change while several worker processes of a real server answer several clients.

``LICENSING_TEST_SCALE=10 LICENSING_TEST_SEED=7 python -m pytest tests/test_keys_under_load.py`` changes them ten times
as often, at other moments.
"""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from flask_licensing.private_keys.versions import PrivateKeyState
from flask_licensing.verification import load_public_keys, verify_response
from tests.http_client import get
from tests.key_pairs import key_pairs
from tests.programs import PROJECT, run_python, wait_until
from tests.scale import SCALE, SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from tests.gunicorn_server import GunicornServer
    from tests.hosts import Host

WORKERS = 2
CLIENTS = 4
ROTATIONS = 2 * SCALE
REFRESH_SECONDS = 0.1
LARGER = 3072
IN_A_ROW = 20 * WORKERS
MOST_REQUESTS = 1000 * SCALE
"""How many requests one client sends at most."""

FIRST, SECOND = key_pairs(2)


@dataclass
class Traffic:
    """Clients that send requests until they are told to stop, and verify every answer.

    ``public_keys`` is called after each answer, and returns what it has to verify with.
    """

    server: GunicornServer
    host: Host
    public_keys: Callable[[], Mapping[str, RSAPublicKey]]
    signed_with: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._send_requests, number) for number in range(CLIENTS)]
            try:
                yield
            finally:
                self.stopped.set()
        for client in clients:
            client.result()

    def wait_for(self, key_id: str | None) -> None:
        """Wait until an answer is signed with the key."""
        wait_until(lambda: self.stopped.is_set() or key_id in self.signed_with)

    def wait_for_all(self, key_id: str) -> None:
        """Wait until so many answers in a row are signed with the key that every worker seems to have it."""
        wait_until(lambda: self.stopped.is_set() or set(self.signed_with[-IN_A_ROW:]) == {key_id})

    def wait_for_answers(self, number: int) -> None:
        """Wait until so many more answers came."""
        enough = len(self.signed_with) + number
        wait_until(lambda: self.stopped.is_set() or len(self.signed_with) >= enough)

    def _send_requests(self, client: int) -> None:
        try:
            for turn in range(MOST_REQUESTS):
                if self.stopped.is_set():
                    break
                self._send_request(f"KEY-{client}-{turn}")
        finally:
            self.stopped.set()

    def _send_request(self, license_key: str) -> None:
        answer = self.server.post(self.host, license_keys=f'["{license_key}"]')
        assert answer.status == 200, answer.body
        key_id = answer.headers["licensing-key-id"]
        public_key = self.public_keys()[key_id]
        assert verify_response(answer.body, public_key).response["created"] == 1
        self.signed_with.append(key_id)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.mkdir()
    return path


@pytest.fixture
def folder_host(create_host: Callable[..., Host], folder: Path) -> Host:
    """A host over the folder, as the commands of an operator are; the workers of a server are others."""
    FIRST.write(folder / "global.pem")
    return create_host(private_key_source=f"file:{folder}", private_key_refresh_seconds=REFRESH_SECONDS)


@pytest.fixture
def serve_folder(
    folder_host: Host, folder: Path, serve: Callable[..., AbstractContextManager[GunicornServer]]
) -> Callable[..., AbstractContextManager[GunicornServer]]:
    """Serve the host's database with the keys in the folder; arguments are gunicorn's."""
    settings = {
        "LICENSING_PRIVATE_KEY_SOURCE": f"file:{folder}",
        "LICENSING_PRIVATE_KEY_REFRESH_SECONDS": str(REFRESH_SECONDS),
    }
    return lambda *arguments, workers=WORKERS: serve(folder_host, *arguments, workers=workers, **settings)


@pytest.mark.parametrize("product_id", [None, 1], ids=["global", "of a product"])
def test_every_answer_of_rotations_verifies_with_a_key_published_at_that_time(
    folder_host: Host,
    serve_folder: Callable[..., AbstractContextManager[GunicornServer]],
    product_id: int | None,
) -> None:
    licensing, moments = folder_host.licensing, random.Random(SEED)  # noqa: S311 - chooses moments, no secrets
    path = f"/api/v1/public-keys/{product_id}" if product_id else "/api/v1/public-keys"

    def published() -> dict[str, RSAPublicKey]:
        answer = get(server.port, path)
        assert answer.status == 200
        return load_public_keys(answer.body)

    with folder_host.app.app_context():
        first = licensing.rotate_private_key(product_id).active.key_id
        # Without --preload: workers that start one after the other look at the folder at different times.
        with serve_folder() as server, (traffic := Traffic(server, folder_host, published)).running():
            traffic.wait_for(first)
            for turn in range(ROTATIONS):
                traffic.wait_for_answers(moments.randrange(4 * CLIENTS))
                if turn % 2:
                    licensing.generate_private_key(product_id, pending=True)
                larger = LARGER if turn == 0 else None
                traffic.wait_for(licensing.rotate_private_key(product_id, bits=larger).active.key_id)
            licensing.retire_private_key(str(first))
            traffic.wait_for_answers(10 * CLIENTS)
        listed = licensing.list_private_keys()
    of_owner = [key for key in listed if key.product_id == product_id]
    assert set(traffic.signed_with) == {key.key_id for key in of_owner} - {FIRST.id}
    assert [key.state for key in of_owner].count(PrivateKeyState.RETIRED) == 1
    assert {key.bits for key in of_owner if key.key_id not in {FIRST.id, first}} == {LARGER}, (
        "a rotation keeps the size"
    )
    assert "Traceback" not in server.log()


def test_the_command_rotates_under_a_running_server(
    folder_host: Host, folder: Path, serve_folder: Callable[..., AbstractContextManager[GunicornServer]]
) -> None:
    def published() -> dict[str, RSAPublicKey]:
        return load_public_keys(get(server.port, "/api/v1/public-keys").body)

    with serve_folder() as server, (traffic := Traffic(server, folder_host, published)).running():
        traffic.wait_for(FIRST.id)
        rotated = run_python(
            *("-m", "flask", "--app", "tests.served_host", "licensing", "rotate-private-key"),
            folder=PROJECT,
            FLASK_LICENSING_PRIVATE_KEY_SOURCE=f"file:{folder}",
            FLASK_SQLALCHEMY_DATABASE_URI=folder_host.app.config["SQLALCHEMY_DATABASE_URI"],
        )
        assert rotated.returncode == 0, rotated.stderr
        traffic.wait_for(rotated.stdout.split()[4].rstrip(","))
    assert len(set(traffic.signed_with)) == 2


def test_no_request_fails_while_a_key_file_is_replaced_half_written_unreadable_or_deleted(
    folder_host: Host, folder: Path, serve_folder: Callable[..., AbstractContextManager[GunicornServer]]
) -> None:
    known = load_public_keys(FIRST.public_pem + SECOND.public_pem)
    file, new_file = folder / "global.pem", folder / "new.pem"

    def wait_for_log(text: str) -> None:
        beginning = len(server.log())
        wait_until(lambda: traffic.stopped.is_set() or text in server.log()[beginning:])
        traffic.wait_for_answers(CLIENTS)

    # With --preload, so that no worker starts while there is no key to load. With one worker: another could ask for the
    # product's own key for the first time while the folder can't be read, which is rightly 9500.
    with (
        serve_folder("--preload", workers=1) as server,
        (traffic := Traffic(server, folder_host, lambda: known)).running(),
    ):
        before, after = FIRST, SECOND
        for _ in range(SCALE):
            traffic.wait_for_all(before.id)
            beginning = len(traffic.signed_with)
            file.write_text(after.pem[:900])
            wait_for_log(f"goes on signing: the file {file} is not a private key")
            file.write_text("")
            wait_for_log(f"goes on signing: the file {file} is empty")
            file.unlink()
            wait_for_log(f"goes on signing: the file {file} is gone")
            file.mkdir()
            wait_for_log(f"goes on signing: The file {file} can't be read: Is a directory")
            away = folder.rename(folder.with_name("away"))
            folder.write_text("a file where the folder should be")
            wait_for_log(f"goes on signing: The folder {folder} can't be read: Not a directory")
            folder.unlink()
            away.rename(folder)
            file.rmdir()
            assert set(traffic.signed_with[beginning:]) == {before.id}
            after.write(new_file)
            new_file.rename(file)
            before, after = after, before
        traffic.wait_for_all(before.id)
    assert set(traffic.signed_with) == {FIRST.id, SECOND.id}
    assert len(folder_host.stored_license_keys()) == len(traffic.signed_with)
    assert "Traceback" not in server.log()
