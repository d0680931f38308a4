"""What an import takes for a file of license keys, and what an export makes of the file it is given."""

from __future__ import annotations

import gzip
import io
import json
import os
import pty
import signal
import stat
import subprocess
import sys
import threading
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.errors import FileError, StoreUnavailable
from flask_licensing.inventory.formats import MAX_NAME_LENGTH, MAX_NAMED_COLUMNS
from flask_licensing.license_keys.lines import LOOKED_AT, MAX_LINE_LENGTH
from flask_licensing.stores.memory import MemoryKeyStore
from tests.programs import THIS_PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from click.testing import Result

    from flask_licensing.hooks import LicenseKey
    from tests.hosts import Host

COMMAND = [sys.executable, "-m", "flask", "--app", "site_app", "licensing"]

SITE = """
from flask import Flask
from flask_licensing import Licensing
from flask_licensing.core.domain import Caller
from flask_licensing.stores.memory import MemoryKeyStore
from datetime import datetime

app = Flask(__name__)
store = MemoryKeyStore()
store.add_product("Photo Editor", datetime(2026, 1, 1))
Licensing(app, key_store=store, private_key_source=lambda _: None)
"""


def _run(host: Host, *arguments: str, **options: Any) -> Result:
    return host.app.test_cli_runner().invoke(args=["licensing", *arguments], **options)


def _import(host: Host, file: Path | bytes, *arguments: str) -> Result:
    if isinstance(file, bytes):
        return _run(host, "import-license-keys", "-", "--product", "1", *arguments, input=file)
    return _run(host, "import-license-keys", str(file), "--product", "1", *arguments)


def _create(host: Host, *license_keys: str) -> None:
    with host.app.app_context():
        host.licensing.create_license_keys(
            license_keys, product_id=1, activation_limit=0, validity=0, status="available"
        )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a site in it that forgets everything when it ends."""
    (tmp_path / "site_app.py").write_text(SITE)
    return tmp_path


# What is read.


@pytest.mark.parametrize(
    ("name", "content", "looks_like"),
    [
        ("stock.csv.bak", b"license_key,product_id\nA-1,1\n", "CSV"),
        ("stock.txt", b"A-1;1;365\nA-2;1;365\n", "CSV"),
        ("stock.txt", b'"A-1"\n"A-2"\n', "CSV"),
        ("stock.txt", b"License Key\nA-1\n", "a header"),
        ("stock.txt", b"productKeyID\nA-1\n", "a header"),
        ("stock.txt", b"\n\nlicense_keys:\n- A-1\n", "a header"),
        ("stock.json", b'["A-1", "A-2"]', "JSON"),
        ("stock.json", b'[\n  {"license_key": "A-1"}\n]\n', "JSON"),
        ("stock.json", b'{\n  "keys": []\n}\n', "JSON"),
        ("stock.jsonl", b'[\n{"license_key": "A-1"},\n{"license_key": "A-2"}\n]\n', "JSON"),
        ("stock.ndjson", b"A-1\nA-2\n", "something else"),
        ("stock.html", b"\xef\xbb\xbf<!DOCTYPE html>\n<p>\nA-1\n", "markup or a comment"),
        ("stock.txt", b"# from the old shop\nA-1\n", "markup or a comment"),
        ("stock.zip", b"PK\x03\x04\x14\x00\x00\x00\nA-1\n", "a binary file or UTF-16"),
        ("stock.pdf", b"%PDF-1.7\nA-1\n", "a binary file or UTF-16"),
        ("stock.txt", "A-1\nA-2\n".encode("utf-16"), "a binary file or UTF-16"),
        ("stock.txt.gz", gzip.compress("A-1\nA-2\n".encode("utf-16-be"), mtime=0), "a binary file or UTF-16"),
        ("stock.txt.gz", gzip.compress(gzip.compress(b"A-1\n", mtime=0), mtime=0), "a binary file or UTF-16"),
        ("stock.txt", b"\x89PNG\r\n\x1a\n\x00\nA-1\n", "a binary file or UTF-16"),
        ("stock.txt", b"'A-1'\n'A-2'\n", "CSV"),
        ("stock.txt", b"KEY,\n", "CSV"),
        ("stock.tsv", b"license_key\tvalidity\nA-1\t1\n", "CSV"),
        ("stock.txt", b"- A-1\n- A-2\n", "markup or a comment"),
        ("stock.txt", b"1. A-1\n2. A-2\n", "markup or a comment"),
        ("stock.txt", b"// from the old shop\nA-1\n", "markup or a comment"),
        ("stock.txt", b"* A-1\n* A-2\n", "markup or a comment"),
        ("stock.txt", b"> A-1\n", "markup or a comment"),
        ("stock.txt", "\u2022 A-1\n".encode(), "markup or a comment"),
        ("stock.txt", b"2) A-1\n", "markup or a comment"),
        ("stock.txt", b"/* from the old shop */\nA-1\n", "markup or a comment"),
        ("stock.txt", b"key = A-1\n", "a header"),
        ("stock.eml", b"From: shop@example.com\nSubject: Your keys\n\nA-1\n", "a header"),
        ("stock.env", b"LICENSE=A-1\n", "a header"),
        ("stock.jsonl", b"\n\nLicense: A-1\n", "a header"),
    ],
)
def test_a_file_whose_first_line_is_not_what_its_name_says_is_refused(
    host: Host, tmp_path: Path, name: str, content: bytes, looks_like: str
) -> None:
    """License keys can't be taken back, and headers, rows and markup became license keys, with exit code 0."""
    (tmp_path / name).write_bytes(content)
    refused = _import(host, tmp_path / name)
    assert refused.exit_code == 1
    assert f"The first line looks like {looks_like}, not like" in refused.stderr
    assert "--format" in refused.stderr
    assert host.stored_license_keys() == []


@pytest.mark.parametrize(
    "suffix", ["yaml", "eml", "zip", "md", "xlsx", "json", "csv.bak", "ndjson.bak", "txt.gz.gz", "tar.gz", "\x1b[2J"]
)
def test_a_name_that_says_no_format_is_refused_by_imports_and_exports(host: Host, tmp_path: Path, suffix: str) -> None:
    """Exports to ``x.json`` were bare text without terms, and imports took any file for text."""
    _create(host, "B-1")
    file = tmp_path / f"stock.{suffix}"
    last_suffix = "\\x1b[2j" if suffix.startswith("\x1b") else suffix.removesuffix(".gz").rpartition(".")[2]
    exported = _run(host, "export-license-keys", str(file))
    assert exported.exit_code == 1
    assert exported.stderr == (
        f"Error: The name ends in .{last_suffix}, which says no format: nothing was written."
        " Name the format with --format csv, ndjson, text (in Python, file_format).\n"
    )
    assert not file.exists()
    file.write_text("A-1\nA-2\n")
    imported = _import(host, file)
    assert imported.exit_code == 1
    assert f"Error: The name ends in .{last_suffix}, which says no format: nothing was stored." in imported.stderr
    assert host.stored_license_keys() == ["B-1"]
    assert _import(host, file, "--format", "text").exit_code == 0
    assert _run(host, "export-license-keys", str(file), "--format", "text").exit_code == 0
    assert file.exists()


@pytest.mark.parametrize("name", ["stock.txt", "stock.TXT.gz", "stock", "stock.gz", "stock.d/keys"])
def test_text_is_what_a_name_in_txt_or_without_suffix_says(host: Host, tmp_path: Path, name: str) -> None:
    _create(host, "A-1")
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    assert _run(host, "export-license-keys", str(file)).exit_code == 0
    assert _import(host, file).stdout == "1 rows: 0 created, 1 there already, 0 rejected.\n"


@pytest.mark.parametrize("name", [b"stock.yaml", "stock.yaml"])
def test_a_stream_is_called_by_the_name_of_its_file(host: Host, name: str | bytes) -> None:
    stream = io.BytesIO(b"A-1\n")
    stream.name = name
    with host.app.app_context(), pytest.raises(FileError, match=r"ends in \.yaml,"):
        host.licensing.import_license_keys(stream, product_id=1)


@pytest.mark.parametrize("name", [7, None])
def test_a_stream_without_a_name_may_hold_text(host: Host, name: int | None) -> None:
    """An open descriptor has a number for a name."""
    stream = io.BytesIO(b"A-1\n")
    stream.name = name
    with host.app.app_context():
        assert host.licensing.import_license_keys(stream, product_id=1).created == 1


def test_a_line_of_control_characters_among_others_is_rejected_alone(host: Host) -> None:
    assert _import(host, b"A-1\nB\x01-2\nC-3\n").stdout.startswith("3 rows: 2 created, 0 there already, 1 rejected.")


@pytest.mark.parametrize(
    "lines",
    [
        "Voucher\nA-1\nA-2",
        "\n \nVOUCHER\nABCD-EFGH",
        "VOUCHER\nABCD2345",
        "Voucher\nABCDEFGH",
        "Lizenzschlüssel\nABCD-EFGH\n\nIJKL-MNOP",
        "ライセンス\nABCDEFGH",
        "CLÉ 1\nABCD1EFGH",
        "Product Key for Photo Editor\nA-1",
        "Keys of 2026-01\nABCD-2345",
        "\n" * LOOKED_AT + "Voucher\nA-1",
    ],
)
def test_a_header_is_known_by_the_lines_that_follow(host: Host, tmp_path: Path, lines: str) -> None:
    (tmp_path / "stock.txt").write_text(lines, encoding="utf-8")
    imported = _import(host, tmp_path / "stock.txt")
    created = _run(host, "create-license-keys", "--file", str(tmp_path / "stock.txt"), "--product", "1")
    for refused in (imported, created):
        assert refused.exit_code == 1
        assert "The first line looks like a header, not like a license key: nothing was stored." in refused.stderr
        assert "import-license-keys --format" in refused.stderr
    assert host.stored_license_keys() == []
    assert _import(host, tmp_path / "stock.txt", "--format", "text").exit_code == 0


@pytest.mark.parametrize(
    "lines",
    [
        "Voucher",
        "A\nB-1",
        "correct horse\nbattery staple",
        "SGVsbG8=\nd29ybGQ=",
        "ABCDEFGH\nABCD2345\nIJKLMNOP",
        "1234 5678\n12345678",
        "Voucher\n" + "1\n" * (LOOKED_AT - 1) + "Other",
    ],
)
def test_license_keys_of_one_shape_are_no_header(host: Host, lines: str) -> None:
    assert _import(host, lines.encode()).exit_code == 0
    assert host.stored_license_keys() == sorted(set(lines.split("\n")))


def test_only_so_many_lines_are_compared_with_the_first(host: Host) -> None:
    lines = "Voucher\n" + "1\n" * LOOKED_AT + "Other"
    assert _import(host, lines.encode()).exit_code == 1


def test_csv_on_standard_input_is_refused_without_a_format(host: Host) -> None:
    assert _import(host, b"license_key,validity\nA-1,30\n").exit_code == 1
    assert _import(host, b"license_key,validity\nA-1,30\n", "--format", "csv").exit_code == 0
    assert host.stored_license_keys() == ["A-1"]


def test_a_format_that_is_named_is_not_doubted(host: Host) -> None:
    assert _import(host, b"<key>,1\n", "--format", "text").exit_code == 0
    assert host.stored_license_keys() == ["<key>,1"]


@pytest.mark.parametrize(
    "line",
    ["{3F2504E0-4F89-11D3-9A0C-0305E82C3301}", "keyserver-1", "K", "PRODUCT-7", "a b", "é", "-A", "1.A", "A:B", "QQ=="],
)
def test_a_first_line_that_can_be_a_license_key_is_one(host: Host, line: str) -> None:
    assert _import(host, f"{line}\n<markup>, inside\n".encode()).exit_code == 0
    assert host.stored_license_keys() == sorted([line, "<markup>, inside"])


def test_case_does_not_count_in_the_name_of_a_file(host: Host, tmp_path: Path) -> None:
    file = tmp_path / "stock.CSV.GZ"
    _create(host, "A-1")
    assert _run(host, "export-license-keys", str(file)).exit_code == 0
    assert gzip.decompress(file.read_bytes()).startswith(b"license_key,product_id")
    assert _import(host, file).stdout == "1 rows: 0 created, 1 there already, 0 rejected.\n"


@pytest.mark.parametrize(
    ("file_format", "line"), [("text", "{}"), ("csv", "{}"), ("ndjson", '{{"license_key": "{}"}}')]
)
def test_byte_order_marks_of_joined_files_are_no_part_of_a_license_key(host: Host, file_format: str, line: str) -> None:
    header = "license_key\n" if file_format == "csv" else ""
    joined = "".join(f"\ufeff{header}{line.format(key)}\n" for key in ("A-1", "A-2"))
    imported = _import(host, joined.encode(), "--format", file_format)
    assert imported.stdout == "2 rows: 2 created, 0 there already, 0 rejected.\n"
    assert host.stored_license_keys() == ["A-1", "A-2"]


def test_the_file_of_a_creation_has_no_byte_order_mark_in_a_license_key(host: Host, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("\ufeffA-1\n\ufeffA-2\n", encoding="utf-8")
    _run(host, "create-license-keys", "--file", str(tmp_path / "keys.txt"), "--product", "1")
    assert host.stored_license_keys() == ["A-1", "A-2"]


def test_the_file_of_a_creation_that_begins_with_a_header_is_refused(host: Host, tmp_path: Path) -> None:
    (tmp_path / "stock.csv").write_text("license_key,product_id\nA-1,1\n")
    refused = _run(host, "create-license-keys", "--file", str(tmp_path / "stock.csv"), "--product", "1")
    assert refused.exit_code == 1
    assert "import-license-keys --format" in refused.stderr
    assert host.stored_license_keys() == []


def test_characters_that_nobody_sees_are_taken_and_counted(host: Host) -> None:
    keys = ["PLAIN 1", "SOFT\u00adHYPHEN", "NO\u00a0BREAK", "ZERO\u200bWIDTH", "MARK\ufeffINSIDE"]
    imported = _import(host, "\n".join(keys).encode(), "--batch-size", "2")
    assert imported.exit_code == 0
    assert imported.stderr.startswith("4 license keys have characters that nobody sees")
    assert host.stored_license_keys() == sorted(keys)
    created = _run(host, "create-license-keys", "ANOTHER 1", "ANOTHER\u200b2", "--product", "1")
    assert created.stderr.startswith("1 license keys have characters that nobody sees")
    assert _import(host, b"PLAIN 2\n").stderr == ""


def test_a_column_that_is_there_twice_is_refused(host: Host) -> None:
    refused = _import(host, b"license_key,validity,Validity\nA-1,1,2\n", "--format", "csv")
    assert refused.exit_code == 1
    assert "the column validity more than once" in refused.stderr
    assert host.stored_license_keys() == []
    assert _import(host, b"license_key,note,note\nA-1,1,2\n", "--format", "csv").exit_code == 0


def test_a_member_that_is_there_twice_is_rejected(host: Host) -> None:
    rows = b'{"license_key": "A", "validity": 1, "validity": 2}\n{"license_key": "B"}\n'
    rejected = _import(host, rows, "--format", "ndjson")
    assert (rejected.exit_code, rejected.stderr) == (1, "line 1: The JSON object has a member more than once.\n")
    assert host.stored_license_keys() == ["B"]


@pytest.mark.parametrize(
    ("file_format", "rows"),
    [
        ("csv", "license_key,activations_limit,colour,\nA,5,red,\nB,5,red,\n"),
        ("ndjson", '{"license_key": "%s", "activations_limit": 5, "colour": "red"}\n' * 2),
    ],
)
def test_an_unknown_column_is_named_once_with_the_one_that_may_be_meant(
    host: Host, file_format: str, rows: str
) -> None:
    """A column ``activations_limit`` was dropped silently, and the license keys were unlimited."""
    text = rows.replace("%s", "A", 1).replace("%s", "B")
    imported = _import(host, text.encode(), "--format", file_format)
    assert imported.stderr.splitlines() == [
        "activations_limit is no known column and is ignored; did you mean activation_limit?",
        "colour is no known column and is ignored.",
    ]
    assert host.stored_license_keys() == ["A", "B"]


def test_a_member_in_another_case_is_named_with_the_one_that_may_be_meant(host: Host) -> None:
    imported = _import(host, b'{"License_Key": "A"}\n', "--format", "ndjson")
    assert imported.exit_code == 1
    assert "License_Key is no known column and is ignored; did you mean license_key?" in imported.stderr


def test_of_unknown_columns_a_few_are_named_and_nothing_reaches_the_terminal_that_steers_it(host: Host) -> None:
    names = ["\x1b[2J", *(f"x{number}" for number in range(MAX_NAMED_COLUMNS))]
    imported = _import(host, f"license_key,{','.join(names)}\nA{',' * len(names)}\n".encode(), "--format", "csv")
    assert len(imported.stderr.splitlines()) == MAX_NAMED_COLUMNS
    assert imported.stderr.startswith("\\x1b[2j is no known column")
    longest = "x" * MAX_NAME_LENGTH
    imported = _import(host, f"license_key,{longest}y\nB,\n".encode(), "--format", "csv")
    assert imported.stderr == f"{longest} is no known column and is ignored.\n"


def test_rows_of_nothing_but_commas_are_passed_over(host: Host) -> None:
    imported = _import(host, b"license_key,validity\nA,1\n,\n , \n,,,\n\nB,1\n", "--format", "csv")
    assert imported.stdout == "2 rows: 2 created, 0 there already, 0 rejected.\n"


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("why", ["a cut file", "a line too long", "a lost database"])
def test_an_import_that_breaks_off_says_what_it_stored(
    host: Host, monkeypatch: pytest.MonkeyPatch, why: str, *, as_json: bool
) -> None:
    rows = b"".join(b"KEY-%d\n" % number for number in range(2000))
    if why == "a cut file":
        rows = gzip.compress(rows)[:-20]
    elif why == "a line too long":
        rows += b"K" * MAX_LINE_LENGTH
    else:
        store = host.app.extensions["licensing"].key_store
        add = store.add_license_keys
        calls = count(1)

        def add_twice(*arguments: Any) -> int:
            if next(calls) > 2:
                raise StoreUnavailable
            return int(add(*arguments))

        monkeypatch.setattr(store, "add_license_keys", add_twice)
    broken = _import(host, rows, "--batch-size", "500", *(["--json"] if as_json else []))
    assert broken.exit_code == 1
    stored = len(host.stored_license_keys())
    assert stored >= 1000
    if as_json:
        assert json.loads(broken.stdout) == {"rows": stored, "created": stored, "duplicate": 0, "rejected": 0}
    else:
        assert broken.stdout == f"{stored} rows: {stored} created, 0 there already, 0 rejected.\n"
    assert broken.stderr.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_the_file_of_rejected_rows_is_not_the_one_that_is_read(
    host: Host, tmp_path: Path, link: Callable[[Path, Path], None] | None
) -> None:
    """The import once emptied its own input."""
    file = rejects = tmp_path / "stock.txt"
    file.write_text("A-1\n")
    if link:
        rejects = tmp_path / "other.csv"
        link(file, rejects)
    refused = _import(host, file, "--rejects", str(rejects))
    assert refused.exit_code == 2
    assert "names the file that is imported" in refused.stderr
    assert file.read_text() == "A-1\n"


def test_the_file_of_rejected_rows_can_be_standard_output(host: Host) -> None:
    rejected = _import(host, b"\xff\n", "--rejects", "-")
    assert rejected.stdout.splitlines()[0] == "line,license_key,reason"
    assert rejected.stdout.splitlines()[-1] == "1 rows: 0 created, 0 there already, 1 rejected."


@pytest.mark.parametrize("source", ["pipe", "named pipe", "keyboard"])
def test_an_import_from_a_pipe_or_the_keyboard_works_at_a_terminal(site: Path, source: str) -> None:
    """The bar on the terminal wanted to know how long the input is: the import ended in a ``TypeError``."""
    controller, terminal = pty.openpty()
    pipe = site / "pipe"
    os.mkfifo(pipe)
    file = str(pipe) if source == "named pipe" else "-"
    standard_input = terminal if source == "keyboard" else subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - the test's own program
        [*COMMAND, "import-license-keys", file, "--product", "1"],
        cwd=site,
        env=THIS_PROJECT,
        stdin=standard_input,
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
    ) as process:
        os.close(terminal)
        if source == "keyboard":
            os.write(controller, b"A-1\nA-2\n\x04")
        elif source == "named pipe":
            pipe.write_text("A-1\nA-2\n")
        output, _ = process.communicate("A-1\nA-2\n" if source == "pipe" else None, timeout=60)
    os.close(controller)
    assert (process.returncode, output) == (0, "2 rows: 2 created, 0 there already, 0 rejected.\n")


# What is written.


def test_an_export_is_for_its_owner_alone_and_keeps_the_mode_of_the_file_that_it_replaces(
    host: Host, tmp_path: Path
) -> None:
    file = tmp_path / "stock.txt"
    _run(host, "export-license-keys", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    _run(host, "export-license-keys", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_the_file_of_rejected_rows_is_for_its_owner_alone(host: Host, tmp_path: Path) -> None:
    _import(host, b"\xff\n", "--rejects", str(tmp_path / "rejects.csv"))
    assert stat.S_IMODE((tmp_path / "rejects.csv").stat().st_mode) == 0o600


def test_an_export_goes_through_a_symbolic_link(host: Host, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder" / "target"
    link = tmp_path / "stock.txt"
    link.symlink_to(target)
    for license_key in ("A-1", "A-2"):
        _create(host, license_key)
        _run(host, "export-license-keys", str(link))
    assert link.is_symlink()
    assert target.read_text() == "A-1\nA-2\n"
    assert list(target.parent.iterdir()) == [target]


def test_an_export_is_written_to_a_pipe_or_a_device_which_stays_what_it_is(host: Host, tmp_path: Path) -> None:
    _create(host, "A-1")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    written = _run(host, "export-license-keys", str(pipe))
    reader.join()
    assert (written.exit_code, got) == (0, ["A-1\n"])
    assert pipe.is_fifo()
    assert _run(host, "export-license-keys", os.devnull).exit_code == 0
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_an_export_to_a_file_with_a_hard_link_is_refused(host: Host, tmp_path: Path) -> None:
    """It would replace one of the names: the other kept the old license keys."""
    file = tmp_path / "stock.txt"
    file.write_text("the last whole export\n")
    os.link(file, tmp_path / "other.txt")
    (tmp_path / "link.txt").symlink_to(file)
    for name in ("stock.txt", "other.txt", "link.txt"):
        refused = _run(host, "export-license-keys", str(tmp_path / name))
        assert refused.exit_code == 1
        assert f"{name} has 2 names (hard links)" in refused.stderr
    assert (tmp_path / "other.txt").read_text() == "the last whole export\n"
    assert not list(tmp_path.glob(".unfinished-*"))
    (tmp_path / "other.txt").unlink()
    assert _run(host, "export-license-keys", str(file)).exit_code == 0


def test_an_export_to_links_that_point_to_one_another_is_refused(host: Host, tmp_path: Path) -> None:
    """The link became a file."""
    (tmp_path / "a.txt").symlink_to("b.txt")
    (tmp_path / "b.txt").symlink_to(tmp_path / "a.txt")
    refused = _run(host, "export-license-keys", str(tmp_path / "a.txt"))
    assert refused.exit_code == 1
    assert "can't be opened: Too many levels of symbolic links." in refused.stderr
    assert (tmp_path / "a.txt").is_symlink()
    assert (tmp_path / "b.txt").is_symlink()


def test_an_export_through_links_arrives_where_they_end(host: Host, tmp_path: Path) -> None:
    _create(host, "A-1")
    (tmp_path / "folder").mkdir()
    (tmp_path / "to-folder").symlink_to("folder")
    (tmp_path / "folder" / "first.txt").symlink_to("second.txt")
    assert _run(host, "export-license-keys", str(tmp_path / "to-folder" / "first.txt")).exit_code == 0
    assert (tmp_path / "folder" / "first.txt").is_symlink()
    assert (tmp_path / "folder" / "second.txt").read_text() == "A-1\n"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "pipe.txt").symlink_to("pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert _run(host, "export-license-keys", str(tmp_path / "pipe.txt")).exit_code == 0
    assert os.read(reader, 100) == b"A-1\n"
    os.close(reader)


def test_an_export_to_an_open_descriptor_goes_behind_what_is_there(host: Host, tmp_path: Path) -> None:
    _create(host, "A-1")
    with (tmp_path / "log").open("w") as log:
        log.write("before\n")
        log.flush()
        assert _run(host, "export-license-keys", f"/dev/fd/{log.fileno()}").exit_code == 0
        (tmp_path / "link").symlink_to(f"/dev/fd/{log.fileno()}")
        assert _run(host, "export-license-keys", str(tmp_path / "link")).exit_code == 0
    assert (tmp_path / "log").read_text() == "before\nA-1\nA-1\n"


def test_a_compressed_export_names_no_file_inside(host: Host, tmp_path: Path) -> None:
    _run(host, "export-license-keys", str(tmp_path / "stock.csv.gz"))
    flags = (tmp_path / "stock.csv.gz").read_bytes()[3]
    assert flags == 0  # RFC 1952: no name, no comment


class _StoreWithAnEvent(MemoryKeyStore):
    """A store that does something while an export reads from it."""

    event: Callable[[], object] = staticmethod(lambda: None)

    def list_license_keys(self, *arguments: Any, **filters: Any) -> Sequence[LicenseKey]:
        event, self.event = self.event, lambda: None
        event()
        return super().list_license_keys(*arguments, **filters)


def test_of_two_exports_to_one_file_the_last_whole_one_wins(create_host: Callable[..., Host], tmp_path: Path) -> None:
    """Half a row of one stood in the middle of the other."""
    store = _StoreWithAnEvent()
    host = create_host(key_store=store)
    file = tmp_path / "stock.csv"
    contents: list[str] = []

    def export_meanwhile() -> None:
        with host.app.app_context():
            host.licensing.export_license_keys(file)
        contents.append(file.read_text())
        _create(host, "B-1")

    _create(host, "A-1")
    store.event = export_meanwhile
    with host.app.app_context():
        assert host.licensing.export_license_keys(file) == 2
    assert [len(content.splitlines()) for content in (*contents, file.read_text())] == [2, 3]


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 1), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_an_export_that_is_ended_leaves_no_draft(
    create_host: Callable[..., Host], tmp_path: Path, number: int, exit_code: int
) -> None:
    store = _StoreWithAnEvent()
    host = create_host(key_store=store)
    folder = tmp_path / "exports"
    folder.mkdir()
    seen: list[str] = []

    def end() -> None:
        seen.extend(path.name for path in folder.iterdir())
        os.kill(os.getpid(), number)

    store.event = end
    ended = _run(host, "export-license-keys", str(folder / "stock.csv"))
    assert ended.exit_code == exit_code
    assert len(seen) == 1
    assert list(folder.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_an_export_that_ignores_the_end_of_its_terminal_goes_on(
    create_host: Callable[..., Host], tmp_path: Path
) -> None:
    store = _StoreWithAnEvent()
    host = create_host(key_store=store)
    store.event = lambda: os.kill(os.getpid(), signal.SIGHUP)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        assert _run(host, "export-license-keys", str(tmp_path / "stock.csv")).exit_code == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_import_that_is_ended_says_what_it_stored(host: Host) -> None:
    class Ending(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            read = super().readinto(buffer)
            if read == 0:
                os.kill(os.getpid(), signal.SIGTERM)
            return read

    rows = b"".join(b"A-%d\n" % number for number in range(41))
    ended = _run(host, "import-license-keys", "-", "--product", "1", "--batch-size", "2", input=Ending(rows))
    assert (ended.exit_code, ended.stdout) == (143, "40 rows: 40 created, 0 there already, 0 rejected.\n")


def test_an_export_of_a_folder_or_without_room_is_one_line(host: Host, tmp_path: Path) -> None:
    _create(host, "A-1")
    full = _run(host, "export-license-keys", "/dev/full")
    assert (full.exit_code, full.stderr) == (
        1,
        "Error: The file /dev/full can't be written: No space left on device.\n",
    )
    with host.app.app_context(), pytest.raises(FileError, match="Is a directory"):
        host.licensing.export_license_keys(tmp_path)
