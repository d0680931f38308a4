"""The licensed program of the example app: what it asks, what it believes, and when it stops."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import Flask, request

from example_app import create_app, licensed_program
from example_app.demonstration import post, serving
from example_app.extensions import db, licensing
from example_app.shop import DEVICES_PER_LICENSE_KEY, place_order
from example_app.stock import DOCUMENTED_FIELDS
from flask_licensing.verification import verify_response
from tests.programs import PROJECT, run_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.test import TestResponse

NOWHERE = "http://127.0.0.1:9"
"""A port on which nothing listens."""

NONCE = "The answer has another nonce, or none: it may have been recorded."


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("shop")
    app = create_app(folder / "instance", f"sqlite:///{folder}/shop.sqlite")
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="module")
def url(shop: Flask) -> Iterator[str]:
    with serving(shop) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def license_key(shop: Flask) -> str:
    with shop.app_context():
        return place_order(1, "ann@example.com").license_key.license_key


class Machine:
    """A customer's machine with the program on it."""

    def __init__(self, shop: Flask, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "license.json"
        self._options = ["--public-keys", str(Path(shop.instance_path, "public-keys")), "--folder", str(folder)]
        self._capsys = capsys

    def start(self, url: str, *arguments: str, now: datetime | None = None) -> list[str]:
        """Start the program; return what it says, without its name."""
        exit_code = licensed_program.main(["--server", url, *self._options, *arguments], now)
        lines = [line.removeprefix("Photo Editor ") for line in self._capsys.readouterr().out.splitlines()]
        assert exit_code == (0 if lines[-1] == "works." else 1)
        return lines


@pytest.fixture
def machine(shop: Flask, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Machine:
    return Machine(shop, tmp_path / "machine", capsys)


def test_it_activates_at_its_first_start_alone_and_keeps_its_license_for_its_user_alone(
    machine: Machine, url: str, license_key: str
) -> None:
    kept = f"keeps a license file in {machine.file} for when the shop does not answer."
    first = machine.start(url, "--license-key", license_key)
    assert first == ["is activated: 300 License key activated", "is verified: 200 Valid license key", kept, "works."]
    assert machine.start(url) == first[1:]
    assert stat.S_IMODE(machine.file.stat().st_mode) == 0o600
    assert [path.name for path in machine.file.parent.iterdir()] == ["license.json"]


def test_without_the_shop_it_works_until_the_lease_is_over(machine: Machine, url: str, license_key: str) -> None:
    machine.start(url, "--license-key", license_key)
    got_none, works = machine.start(NOWHERE)
    assert got_none.startswith("got no answer: The shop can't be reached. Its license file holds until ")
    assert works == "works."
    later = datetime.now(UTC) + timedelta(days=31)
    (stops,) = machine.start(NOWHERE, now=later)
    assert stops.startswith("stops: The shop can't be reached. The lease")
    assert machine.start(NOWHERE)[-1] == "works."


def test_a_program_that_was_never_licensed_does_not_work_without_the_shop(machine: Machine, license_key: str) -> None:
    assert machine.start(NOWHERE, "--license-key", license_key) == [
        "stops: The shop can't be reached. There is no license file."
    ]


def test_a_license_key_that_is_blocked_stops_it_and_takes_its_license_file(
    machine: Machine, shop: Flask, url: str, license_key: str
) -> None:
    machine.start(url, "--license-key", license_key)
    with shop.app_context():
        licensing.update_license_key(license_key, status="blocked")
    assert machine.start(url) == ["stops: 204 License key blocked"]
    assert machine.start(NOWHERE) == ["stops: The shop can't be reached. There is no license file."]


def test_a_machine_too_many_is_refused(
    shop: Flask, url: str, license_key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machines = [Machine(shop, tmp_path / str(number), capsys) for number in range(DEVICES_PER_LICENSE_KEY + 1)]
    said = [machine.start(url, "--license-key", license_key)[-1] for machine in machines]
    assert said == ["works."] * DEVICES_PER_LICENSE_KEY + ["stops: 302 License key reached activation limit"]


def test_a_license_key_that_is_no_license_key_is_refused_by_the_shops_own_private_key(
    machine: Machine, url: str
) -> None:
    assert machine.start(url, "--license-key", "NOT-SOLD") == ["stops: 210 Invalid license key"]


def test_another_license_key_takes_the_place_of_the_one_that_is_kept(
    machine: Machine, url: str, license_key: str
) -> None:
    machine.start(url, "--license-key", "NOT-SOLD")
    identifier = json.loads(machine.file.read_text())["identifier"]
    assert machine.start(url, "--license-key", license_key)[-1] == "works."
    kept = json.loads(machine.file.read_text())
    assert (kept["license_key"], kept["identifier"]) == (license_key, identifier)


def test_an_answer_that_is_too_old_is_no_answer(
    machine: Machine, url: str, license_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(licensed_program, "MAX_AGE_SECONDS", -1.0)
    (stops,) = machine.start(url, "--license-key", license_key)
    assert stops.startswith("stops: The answer was signed ")


def test_the_license_key_that_is_kept_may_be_given_again(machine: Machine, url: str, license_key: str) -> None:
    machine.start(url, "--license-key", license_key)
    assert machine.start(NOWHERE, "--license-key", license_key)[-1] == "works."


def test_without_a_new_license_file_it_works_all_the_same_and_keeps_the_one_before(
    machine: Machine, shop: Flask, url: str, license_key: str
) -> None:
    proxy = Flask("proxy")

    @proxy.post("/api/v1/<endpoint>")
    def ask_for_another_machine(endpoint: str) -> TestResponse:
        another = {"identifier": "another"} if endpoint == "get-license-file" else {}
        headers = {"Authorization": request.headers["Authorization"]}
        return shop.test_client().post(request.path, data=request.form.to_dict() | another, headers=headers)

    machine.start(url, "--license-key", license_key)
    kept = json.loads(machine.file.read_text())
    with serving(proxy) as port:
        assert machine.start(f"http://127.0.0.1:{port}") == ["is verified: 200 Valid license key", "works."]
    assert json.loads(machine.file.read_text()) == kept


def test_an_answer_that_was_recorded_is_no_answer(machine: Machine, shop: Flask, license_key: str) -> None:
    recorded: dict[str, bytes] = {}
    recorder = Flask("recorder")

    @recorder.post("/api/v1/<endpoint>")
    def pass_on_once(endpoint: str) -> bytes:
        headers = {"Authorization": request.headers["Authorization"]}
        answer = shop.test_client().post(request.path, data=request.form, headers=headers)
        return recorded.setdefault(endpoint, answer.data)

    with serving(recorder) as port:
        url = f"http://127.0.0.1:{port}"
        *_, stops = machine.start(url, "--license-key", license_key)
        recorded.clear()
        assert machine.start(url)[-1] == "works."
        got_none, _ = machine.start(url)
    # At the first start it asks twice whether it is licensed, and the second answer was recorded before it asked.
    assert stops == f"stops: {NONCE} There is no license file."
    assert got_none.startswith(f"got no answer: {NONCE} Its license file holds until ")


@pytest.mark.parametrize("member", ["license_file", "identifier"])
def test_a_license_that_was_changed_or_is_another_machines_does_not_hold(
    machine: Machine, url: str, license_key: str, member: str
) -> None:
    machine.start(url, "--license-key", license_key)
    kept = json.loads(machine.file.read_text())
    middle = len(kept[member]) // 2
    changed = kept[member][:middle] + ("a" if kept[member][middle] != "a" else "b") + kept[member][middle + 1 :]
    machine.file.write_text(json.dumps(kept | {member: changed}))
    (stops,) = machine.start(NOWHERE)
    assert stops.startswith("stops: The shop can't be reached. The ")


def test_its_api_key_may_do_nothing_but_what_it_needs(shop: Flask, url: str) -> None:
    fields = DOCUMENTED_FIELDS | {"api_key": licensed_program.API_KEY}
    body = post(int(url.rpartition(":")[2]), fields).body
    public_key = Path(shop.instance_path, "public-keys", "global.pem").read_text()
    assert verify_response(body, public_key).response["code"] == 102


def test_it_needs_nothing_that_the_shop_is_made_of(tmp_path: Path) -> None:
    program = PROJECT / "example_app" / "licensed_program.py"
    code = (
        f"import runpy, sys; runpy.run_path({str(program)!r})\n"
        "print({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'__main__'})"
    )
    loaded = eval(run_python("-c", code, folder=tmp_path).stdout)  # noqa: S307 - what the line above prints
    assert {"flask_licensing", "cryptography"} <= loaded
    assert not loaded & {"flask", "werkzeug", "sqlalchemy", "flask_sqlalchemy", "marshmallow", "example_app"}
