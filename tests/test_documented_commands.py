"""The commands of the documentation, run as they are written, print what the documentation shows."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_licensing import Licensing
from tests.code_blocks import code_blocks
from tests.programs import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result
    from werkzeug.test import TestResponse

DOCS = PROJECT / "docs"

DIFFERENT_EACH_TIME = re.compile(
    r"(?<![\w-])[\w-]{43}(?![\w-])"  # ids of private keys, and API keys
    r"|\d{8}T\d{6}Z|\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?|(?<=\"timestamp\": )\d+"
    r"|(?<=ACME-)[0-9A-Z]{4}(-[0-9A-Z]{4}){3}"
    r"|^\d+(?=\t)|(?<=exists: )\d+"  # ids of license keys
    r"|[\d,]+(?= rows a second)|^\d+(?= records deleted| license keys written)"
    r"|(?<= )/\S+(?=/instance)",
    re.MULTILINE,
)


class Shop:
    """The app of the transcripts, and what happens in it between them."""

    def __init__(self, folder: Path) -> None:
        self.app = Flask("shop", instance_path=str(folder / "instance"))
        self.app.config.update(
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/site.db", LICENSING_PRIVATE_KEY_SOURCE="file:keys"
        )
        self.db = SQLAlchemy()
        self.licensing = Licensing(db=self.db)
        self.db.init_app(self.app)
        self.licensing.init_app(self.app)
        with self.app.app_context():
            self.db.create_all()
        self._folder = folder
        self._secret = ""

    def run(self, line: str) -> Result:
        """Run a line as a shell would; what it prints may go to a file."""
        words, _, file = line.partition(" > ")
        result = self.app.test_cli_runner().invoke(args=shlex.split(words.removeprefix("flask --app shop ")))
        if line.startswith("flask --app shop licensing create-api-key"):
            self._secret = result.stdout.split()[-1]
        if file:
            (self._folder / file).write_text(result.stdout)
        return result

    def post(self, license_keys: str) -> TestResponse:
        """Create license keys as the caller whose API key was created last."""
        terms = {"product_id": "1", "activation_limit": "0", "validity": "0", "status": "reserved"}
        return self.app.test_client().post(
            "/api/v1/create-license-keys",
            data=terms | {"license_keys": license_keys},
            headers={"Authorization": f"Bearer {self._secret}", "X-Request-ID": "order-4711"},
            environ_base={"REMOTE_ADDR": "192.0.2.7"},
        )

    def let_time_pass(self) -> None:
        """Make the private key an old one."""
        os.utime(self._folder / "instance" / "keys" / "global.pem", (1_700_000_000, 1_700_000_000))

    def sell_the_product_again(self) -> None:
        with self.app.app_context():
            self.licensing.update_product(1, status="active")

    def sell(self) -> None:
        with self.app.app_context():
            self.licensing.assign_license_key("PHOTO-3333-4444", owner_name="Zoë", owner_email="zoe@example.org")

    def activate(self) -> None:
        with self.app.app_context():
            self.licensing.activate("PHOTO-5555-6666", "zoe.example")

    def get_stock(self) -> None:
        """Write a file of 120,000 rows, of which three are there already and one is wrong."""
        with self.app.app_context():
            there = [key.license_key for key in self.licensing.list_license_keys(limit=3)]
        rows = [*there, *(f"STOCK-{number}" for number in range(119_996))]
        lines = "".join(f"{license_key},365\n" for license_key in rows)
        (self._folder / "stock.csv").write_text(f"license_key,validity\n{lines}WRONG,never\n")

    def get_order(self) -> None:
        self.post('["ORDER-1", "ORDER-2", "PHOTO-1111-2222"]')

    def save_answer(self) -> None:
        (self._folder / "answer.json").write_bytes(self.post('["ORDER-3", "ORDER-4"]').data)
        self.run("flask --app shop licensing show-public-key > public.pem")

    def protect_audit_log(self) -> None:
        self.run("flask --app shop licensing protect-audit-log")


BEFORE: dict[str, Callable[[Shop], None]] = {
    "rotate-private-key": Shop.let_time_pass,
    "create-generator": Shop.sell_the_product_again,
    "list-license-keys": Shop.sell,
    "verify-license-key": Shop.activate,
    "import-license-keys": Shop.get_stock,
    "audit-log": Shop.get_order,
    "verify-response": Shop.save_answer,
    "check": Shop.protect_audit_log,
}
"""What happens before a command of docs/cli.md, beside the commands before it."""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.chdir(tmp_path)
    shop = Shop(tmp_path)
    yield shop
    with shop.app.app_context():
        shop.db.engine.dispose()


def _transcripts(page: str) -> Iterator[tuple[str, str]]:
    """Each command line of a page with what it prints."""
    for block in code_blocks(DOCS / page, "console"):
        for transcript in block.removeprefix("$ ").split("\n$ "):
            line, _, printed = transcript.partition("\n")
            if line.startswith("flask "):
                yield line, printed


def _always_the_same(printed: str) -> str:
    return DIFFERENT_EACH_TIME.sub("…", printed)


def test_the_transcripts_of_the_command_line_are_what_the_commands_print(shop: Shop) -> None:
    shown: list[str] = []
    printed: list[str] = []
    for line, output in _transcripts("cli.md"):
        if happens := BEFORE.get(line.split()[4]):
            happens(shop)
        ran = shop.run(line)
        shown.append(f"$ {line}\n{_always_the_same(output)}")
        printed.append(f"$ {line}\n{'' if ' > ' in line else _always_the_same(ran.output)}")
    assert printed == shown


def test_the_transcript_of_the_audit_log_is_what_it_prints(shop: Shop) -> None:
    with shop.app.app_context():
        shop.licensing.create_product("Photo Editor")
    shop.run("flask --app shop licensing create-api-key X")
    shop.post('["PHOTO-1", "PHOTO-2", "PHOTO-2"]')
    ((line, shown),) = _transcripts("audit-log.md")
    assert _always_the_same(shop.run(line).output) == _always_the_same(shown)


@pytest.mark.parametrize("page", ["getting-started.md", "audit-log.md"])
def test_the_commands_of_a_page_run(shop: Shop, page: str) -> None:
    lines = [
        line
        for block in code_blocks(DOCS / page, "shell")
        for line in block.splitlines()
        if line.startswith("flask ") and " licensing " in line
    ]
    assert lines
    for line in lines:
        ran = shop.run(line.replace("flask licensing", "flask --app shop licensing"))
        assert ran.exit_code == 0, ran.output
