"""The example app: its demonstration, and the documented request on each database."""

from __future__ import annotations

import base64
import json
import re
import shlex
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from example_app import create_app
from example_app.demonstration import post, serving
from example_app.extensions import db
from flask_licensing.verification import BadSignature, verify_response
from tests.code_blocks import code_blocks
from tests.foreign_clients import run_openssl, run_php
from tests.programs import PROJECT, run, run_python, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

DOCUMENTED_FIELDS = json.loads((PROJECT / "tests/data/create-license-keys-request.json").read_text())
(DOCUMENTED_LIFE,) = code_blocks(PROJECT / "docs" / "getting-started.md", "text")
DOCUMENTED_MEMBERS = {"code": 900, "message": "License keys creation result", "created": 3, "duplicate": 1}

PHP_CLIENT = """
$r = json_decode(stream_get_contents(STDIN), true);
$signature = base64_decode($r['signature']);
$verified = openssl_verify($r['response_base64'], $signature, $argv[1], OPENSSL_ALGO_SHA256) === 1;
echo $verified ? 'accepted' : 'refused';
"""


class ServedAnswer(NamedTuple):
    """What a running example app answered the documented request with, and the public key of its product."""

    status: int
    body: str
    public_key: str

    @property
    def envelope(self) -> dict[str, Any]:
        envelope: dict[str, Any] = json.loads(self.body)
        return envelope


@pytest.fixture
def served(database_url: str, tmp_path: Path) -> Iterator[ServedAnswer]:
    """The documented request, posted as written to a new example app over each database."""
    app = create_app(tmp_path / "instance", database_url)
    with serving(app) as port:
        answer = post(port, DOCUMENTED_FIELDS)
    yield ServedAnswer(answer.status, answer.body.decode(), _public_key(tmp_path))
    with app.app_context():
        db.engine.dispose()


def _flip_one_bit(text: str) -> str:
    """Change one character in the middle, leaving it one of base64's alphabet."""
    position = next(i for i in range(len(text) // 2, len(text)) if chr(ord(text[i]) ^ 1).isalnum())
    return text[:position] + chr(ord(text[position]) ^ 1) + text[position + 1 :]


def _tampered(envelope: dict[str, Any]) -> list[dict[str, Any]]:
    return [envelope | {name: _flip_one_bit(envelope[name])} for name in ("response_base64", "signature")]


def test_the_documented_request_gives_the_documented_answer(served: ServedAnswer) -> None:
    assert served.status == 200
    response = verify_response(served.body, served.public_key).response
    timestamp = response["timestamp"]
    assert list(response.items()) == [*DOCUMENTED_MEMBERS.items(), ("timestamp", timestamp)]
    assert served.envelope["private_key_used"] == "product"


def test_this_projects_verifier_refuses_one_flipped_bit(served: ServedAnswer) -> None:
    for tampered in _tampered(served.envelope):
        with pytest.raises(BadSignature):
            verify_response(json.dumps(tampered), served.public_key)


def test_a_php_client_accepts_the_answer_and_refuses_one_flipped_bit(served: ServedAnswer) -> None:
    def verdict(envelope: dict[str, Any]) -> str:
        return run_php(PHP_CLIENT, json.dumps(envelope), served.public_key)

    assert verdict(served.envelope) == "accepted"
    assert [verdict(tampered) for tampered in _tampered(served.envelope)] == ["refused", "refused"]


def test_openssl_accepts_the_answer_and_refuses_one_flipped_bit(served: ServedAnswer, tmp_path: Path) -> None:
    payload, signature, public_key = (tmp_path / name for name in ("payload.b64", "signature.bin", "public.pem"))
    public_key.write_text(served.public_key)

    def verdict(envelope: dict[str, Any]) -> str:
        payload.write_text(envelope["response_base64"])
        signature.write_bytes(base64.b64decode(envelope["signature"]))
        arguments = ["-verify", str(public_key), "-signature", str(signature), str(payload)]
        return run_openssl("dgst", "-sha256", *arguments).stdout.strip()

    assert verdict(served.envelope) == "Verified OK"
    assert [verdict(tampered) for tampered in _tampered(served.envelope)] == ["Verification failure"] * 2


@pytest.fixture(scope="module")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompletedProcess[str]]:
    """A folder in which the demonstration ran, and how it ended."""
    folder = tmp_path_factory.mktemp("demonstration")
    return folder, run_python("-m", "example_app", folder=folder)


def test_the_demonstration_runs_again_and_again_with_the_same_outcome(
    demonstrated: tuple[Path, CompletedProcess[str]],
) -> None:
    folder, first = demonstrated
    for demonstration in (first, run_python("-m", "example_app", folder=folder)):
        assert demonstration.returncode == 0, demonstration.stderr
        answer = next(line for line in demonstration.stdout.splitlines() if line.startswith("{"))
        response = verify_response(answer, _public_key(folder)).response
        assert response.items() >= DOCUMENTED_MEMBERS.items()
        assert "created 3, duplicate 1" in demonstration.stdout
        _, heading, life = demonstration.stdout.partition("\nA license key's life:\n")
        assert heading
        assert _without_values(life) == _without_values(DOCUMENTED_LIFE)


def test_the_documented_life_is_ten_lines() -> None:
    assert len(DOCUMENTED_LIFE.splitlines()) == 10


def test_the_demonstration_fails_where_the_licensed_program_does_not_do_as_documented(
    demonstrated: tuple[Path, CompletedProcess[str]],
) -> None:
    folder, _ = demonstrated
    change = "from example_app import licensing; from example_app import demonstration as d\n"
    sold_and_blocked = (
        "sell = d.place_order\n"
        "def place_order(*order):\n"
        "    sold = sell(*order)\n"
        "    licensing.update_license_key(sold.license_key.license_key, status='blocked')\n"
        "    return sold\n"
        "d.place_order = place_order\n"
    )
    demonstration = run_python("-c", f"{change}{sold_and_blocked}raise SystemExit(d.demonstrate())", folder=folder)
    assert demonstration.returncode == 1
    assert demonstration.stdout.count("Photo Editor stops: 204 License key blocked") == 2


def test_the_openssl_line_that_the_demonstration_prints_works(
    demonstrated: tuple[Path, CompletedProcess[str]],
) -> None:
    folder, demonstration = demonstrated
    assert run(_printed_command("openssl", demonstration.stdout), folder).stdout == "Verified OK\n"


def test_the_lines_that_the_demonstration_prints_to_serve_and_send_work(
    demonstrated: tuple[Path, CompletedProcess[str]],
) -> None:
    folder, demonstration = demonstrated
    with running_server([sys.executable, "-m", *_printed_command("flask", demonstration.stdout)], folder):
        answer = run(_printed_command("curl", demonstration.stdout), folder).stdout
    response = verify_response(answer, _public_key(folder)).response
    assert (response["code"], response["created"], response["duplicate"]) == (902, 0, 4)


def test_a_database_that_is_not_there_ends_the_demonstration_with_a_sentence(tmp_path: Path) -> None:
    nowhere = f"sqlite:///{tmp_path}/nowhere/shop.sqlite"
    demonstration = run_python("-m", "example_app", folder=tmp_path, EXAMPLE_APP_DATABASE_URL=nowhere)
    assert demonstration.returncode == 1
    assert demonstration.stderr.startswith("The demonstration can't run: ")
    assert "Traceback" not in demonstration.stderr


def _without_values(life: str) -> str:
    """Leave out what differs each time: the license key and the end of the lease."""
    return re.sub(r"[0-9A-Z]{5}(-[0-9A-Z]{5}){4}|[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{5}", "…", life)


def _public_key(folder: Path) -> str:
    return (folder / "instance/public-keys/product-1.pem").read_text()


def _printed_command(program: str, printed: str) -> list[str]:
    return shlex.split(next(line for line in printed.splitlines() if line.startswith(f"  {program} ")))
