"""Commands whose output or input is not what they hope for: consoles, full disks, readers that go, huge numbers."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from flask_licensing.commands import create_commands
from flask_licensing.features import FEATURES
from tests.programs import THIS_PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hosts import Host

SITE = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_licensing import Licensing

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///site.db"
app.logger  # which the extension warns through
db = SQLAlchemy(app)
licensing = Licensing(app, db, private_key_source="file:keys")
with app.app_context():
    db.create_all()
    if not licensing.list_products():
        licensing.create_product("Zoë™")
        licensing.create_license_keys(
            [f"KEY-{number}" for number in range(20_000)],
            product_id=1,
            activation_limit=0,
            validity=0,
            status="available",
        )
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a site in it, on SQLite, with a product and license keys; filled once, by the first command."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "site_app.py").write_text(SITE, encoding="utf-8")
    return folder


def _flask(site: Path, command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command of the site through a shell."""
    return subprocess.run(  # noqa: S602 - the tests' own commands
        f'"{sys.executable}" -m flask --app site_app licensing {command}',
        shell=True,
        cwd=site,
        env=THIS_PROJECT,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize(("charset", "shown"), [("latin-1", b"Zo\xeb\\u2122"), ("cp850", b"Zo\x89\\u2122")])
def test_what_a_console_can_not_show_is_escaped(host: Host, charset: str, shown: bytes) -> None:
    """The product was created and the command failed: run again, the product was there twice."""
    runner = host.app.test_cli_runner(charset=charset)
    created = runner.invoke(args=["licensing", "create-product", "Zoë™"])
    assert (created.exit_code, created.stdout_bytes) == (0, b"Product 2: " + shown + b"\n")
    listed = runner.invoke(args=["licensing", "list-products"])
    assert (listed.exit_code, listed.stdout_bytes) == (0, b"1\tPhoto Editor\n2\t" + shown + b"\n")


def test_the_help_of_every_command_is_shown_on_every_console(host: Host) -> None:
    runner = host.app.test_cli_runner(charset="latin-1")
    for name in ("", *create_commands(FEATURES).commands):
        shown = runner.invoke(args=["licensing", *filter(None, [name]), "--help"])
        assert shown.exit_code == 0, name
        assert shown.stdout_bytes.startswith(b"Usage: "), name


@pytest.mark.parametrize(
    "command", ["export-license-keys", "create-product X --json", "--help", "create-product --help"]
)
def test_a_full_disk_is_one_line(site: Path, command: str) -> None:
    full = _flask(site, f"{command} > /dev/full")
    assert full.returncode == 2
    assert full.stderr.splitlines()[-1] == b"Error: No space left on device. What was changed before stays changed."
    assert b"Traceback" not in full.stderr
    assert b"Exception" not in full.stderr


def test_a_reader_that_goes_away_is_no_traceback(site: Path) -> None:
    cut = _flask(site, "export-license-keys | head -c 1")
    assert len(cut.stdout) == 1
    assert b"Traceback" not in cut.stderr
    assert b"Exception" not in cut.stderr


def test_without_an_output_a_command_does_nothing(site: Path) -> None:
    closed = _flask(site, "create-product Another >&-")
    assert closed.returncode == 2
    assert closed.stderr.splitlines()[-1] == b"Error: Standard output is closed. Nothing was done."
    assert b"Another" not in _flask(site, "list-products").stdout


def test_a_closed_input_is_an_empty_one(site: Path) -> None:
    closed = _flask(site, "import-license-keys - --product 1 <&-")
    assert (closed.returncode, closed.stdout) == (0, b"0 rows: 0 created, 0 there already, 0 rejected.\n")


def test_input_that_is_not_utf_8_is_one_line(host: Host, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_bytes(b"CAF\xc9-1\n")
    arguments = ["licensing", "create-license-keys", "--file", str(tmp_path / "keys.txt"), "--product", "1"]
    result = host.app.test_cli_runner().invoke(args=arguments)
    assert (result.exit_code, result.stderr) == (1, "Error: The input is not UTF-8: invalid continuation byte.\n")


def test_numbers_that_no_column_holds_are_refused_by_every_command(host: Host) -> None:
    runner = host.app.test_cli_runner()
    for name, command in create_commands(FEATURES).commands.items():
        for parameter in command.params:
            if "integer" not in parameter.type.name:
                continue
            others = [other for other in command.params if other.required and other is not parameter]
            arguments = [*_given(parameter, str(10**19)), *(text for other in others for text in _given(other, "1"))]
            result = runner.invoke(args=["licensing", name, *arguments])
            assert result.exit_code in {1, 2}, arguments
            assert isinstance(result.exception, SystemExit), arguments
            assert result.stderr.splitlines()[-1].startswith("Error: "), arguments
            assert "Missing" not in result.stderr, arguments


@pytest.mark.parametrize(("product", "exit_code"), [(0, 2), (1, 0), (2**31 - 1, 0), (2**31, 2)])
def test_an_id_is_a_number_that_a_column_holds(host: Host, product: int, exit_code: int) -> None:
    exported = host.app.test_cli_runner().invoke(args=["licensing", "export-license-keys", "--product", str(product)])
    assert exported.exit_code == exit_code


def _given(parameter: click.Parameter, value: str) -> list[str]:
    return [parameter.opts[0], value] if isinstance(parameter, click.Option) else [value]
