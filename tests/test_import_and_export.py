"""Importing and exporting license keys: as Python functions, as commands and as a real process."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pty
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from flask_licensing import Licensing
from flask_licensing.core.domain import Caller
from flask_licensing.errors import FileError, IncorrectData, LicensingError, StoreUnavailable, TransactionConflict
from flask_licensing.inventory.service import ImportSummary
from flask_licensing.license_keys.lines import MAX_LINE_LENGTH
from flask_licensing.stores.memory import MemoryKeyStore
from flask_licensing.testing.contracts.key_store import NOW
from tests.programs import THIS_PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from tests.hosts import Host

MIXED_CSV = """license_key,product_id,activation_limit,validity,status,owner_name,owner_email,assigned_at,colour
PLAIN-1,1,,,,,,,red
"COMMA, ""QUOTED"" TOO",1,3,365,assigned,Zoë 😀,zoe@example.com,2020-02-29 12:00:00,
=SUM(A1),1,0,0,blocked,,,,
é,1,0,30,reserved,null,,,
"""
"""Four license keys of different terms, as a spreadsheet writes them."""


def _import(host: Host, text: str | bytes, **options: Any) -> tuple[ImportSummary, list[tuple[int, str]]]:
    """Import a text; return the summary and the rejected rows as lines and reasons."""
    rejected: list[tuple[int, str]] = []
    binary = io.BytesIO(text.encode() if isinstance(text, str) else text)
    with host.app.app_context():
        summary = host.licensing.import_license_keys(
            binary, reject=lambda row, reason: rejected.append((row.line, reason)), **options
        )
    return summary, rejected


def _export(host: Host, file_format: str, **filters: Any) -> str:
    exported = io.BytesIO()
    with host.app.app_context():
        host.licensing.export_license_keys(exported, file_format=file_format, **filters)
    return exported.getvalue().decode()


def _run(host: Host, *arguments: str, **options: Any) -> Result:
    return host.app.test_cli_runner().invoke(args=["licensing", *arguments], **options)


@pytest.fixture
def stocked_host(host_on_each_database: Host) -> Host:
    """A host on each database that holds the license keys of MIXED_CSV."""
    summary, rejected = _import(host_on_each_database, MIXED_CSV, file_format="csv")
    assert (summary, rejected) == (ImportSummary(rows=4, created=4), [])
    return host_on_each_database


@pytest.mark.parametrize("file_format", ["csv", "ndjson"])
def test_what_is_exported_imports_again_unchanged(
    stocked_host: Host, file_format: str, create_host: Callable[..., Host]
) -> None:
    exported = _export(stocked_host, file_format)
    other = create_host()
    summary, rejected = _import(other, exported, file_format=file_format)
    assert (summary, rejected) == (ImportSummary(rows=4, created=4), [])
    assert _export(other, file_format) == exported


def test_columns_become_terms_and_unknown_ones_are_ignored(stocked_host: Host) -> None:
    lines = [json.loads(line) for line in _export(stocked_host, "ndjson").splitlines()]
    assert {line["license_key"]: line for line in lines}['COMMA, "QUOTED" TOO'] == {
        "license_key": 'COMMA, "QUOTED" TOO',
        "product_id": 1,
        "activation_limit": 3,
        "validity": 365,
        "status": "assigned",
        "owner_name": "Zoë 😀",
        "owner_email": "zoe@example.com",
        "assigned_at": "2020-02-29 12:00:00",
    }


def test_an_export_can_be_limited_to_a_status_or_a_product(stocked_host: Host) -> None:
    assert _export(stocked_host, "text", status="blocked") == "=SUM(A1)\n"
    assert _export(stocked_host, "text", product_id=stocked_host.product_id + 1) == ""


def test_started_again_an_import_counts_what_is_there_as_duplicate(stocked_host: Host) -> None:
    before = _export(stocked_host, "csv")
    summary, _ = _import(stocked_host, MIXED_CSV + "NEW,1,,,,,,,\n", file_format="csv")
    assert summary == ImportSummary(rows=5, created=1, duplicate=4)
    assert _export(stocked_host, "csv").startswith(before)


def test_of_a_key_that_is_twice_in_a_file_the_first_row_counts(host_on_each_database: Host) -> None:
    rows = "license_key,product_id,validity\nB,1,0\nA,1,1\nA,1,2\nA,1,1\n"
    summary, _ = _import(host_on_each_database, rows, file_format="csv")
    assert summary == ImportSummary(rows=4, created=2, duplicate=2)
    assert "A,1,0,1," in _export(host_on_each_database, "csv")


def test_the_first_row_counts_also_where_the_terms_of_a_later_one_came_first(host: Host) -> None:
    # Rows were put together by their terms, and those terms that the file named first won.
    rows = "license_key,product_id,validity\nB,1,7\nA,1,30\nA,1,7\n"
    summary, _ = _import(host, rows, file_format="csv")
    assert summary == ImportSummary(rows=3, created=2, duplicate=1)
    assert "A,1,0,30," in _export(host, "csv")


def test_rejected_rows_are_named_by_line_and_the_others_are_stored(host_on_each_database: Host) -> None:
    rows = b"\n".join(
        [
            b"\xef\xbb\xbflicense_key,product_id,validity,owner_email",
            b"GOOD-1,1,,",
            b"UNKNOWN-PRODUCT,77,,",
            b"TOO-FEW,1",
            b"",
            b"WRONG,x,-1,nobody",
            b"NOT-UTF-8-\xff,1,,",
            b" ,1,,",
            b"K" * 256 + b",1,,",
            b'BROKEN,1,"a"b,',
            b"\x00,1,,",
            b"GOOD-2,1,7,",
        ]
    )
    summary, rejected = _import(host_on_each_database, rows, file_format="csv")
    key_rule = "The license key must be a string of 1 to 255 characters without control characters."
    assert rejected == [
        (3, "The selected product id is invalid."),
        (4, "The row has 2 fields, the header 4."),
        (
            6,
            "The selected product id is invalid. The validity field must be at least 0."
            " The owner email field must be a valid email address.",
        ),
        (7, key_rule),
        (8, key_rule),
        (9, key_rule),
        (10, "The row that begins on line 10 is not CSV: ',' expected after '\"'."),
        (11, key_rule),
    ]
    assert summary == ImportSummary(rows=10, created=2, rejected=8)
    assert host_on_each_database.stored_license_keys() == ["GOOD-1", "GOOD-2"]


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "{",
        '{"license_key": 7}',
        '{"product_id": 1}',
        '{"license_key": "A", "owner_name": ["x"]}',
        '{"license_key": "A", "owner_name": {"x": 1}}',
        '{"license_key": "A", "validity": 1.5}',
        '{"license_key": "A", "validity": NaN}',
        '{"license_key": "A", "validity": 1.0}',
        '{"license_key": "A", "activation_limit": true}',
        '{"license_key": "\\ud800"}',
        "[" * 30_000,
    ],
)
def test_a_line_that_is_no_license_key_as_json_is_rejected(host: Host, line: str) -> None:
    summary, rejected = _import(host, line + '\n{"license_key": " GOOD "}\n', file_format="ndjson", product_id=1)
    assert (summary.created, summary.rejected) == (1, 1)
    assert rejected[0][0] == 1
    assert host.stored_license_keys() == ["GOOD"]


def test_a_number_and_true_are_told_apart_however_rows_are_grouped(host: Host) -> None:
    rows = '{"license_key": "A", "validity": 1}\n{"license_key": "B", "validity": true}\n'
    summary, rejected = _import(host, rows, file_format="ndjson", product_id=1)
    assert (summary.created, rejected) == (1, [(2, "A member is neither text nor an integer.")])


def test_options_are_for_rows_that_do_not_say(host: Host) -> None:
    rows = "license_key,validity\nA,\nB,30\n"
    _import(
        host, rows, file_format="csv", product_id=1, validity=365, status="assigned", assigned_at="2026-01-01 00:00:00"
    )
    assert [line.split(",")[:5] for line in _export(host, "csv").splitlines()[1:]] == [
        ["A", "1", "0", "365", "assigned"],
        ["B", "1", "0", "30", "assigned"],
    ]


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"product_id": 77}, "The selected product id is invalid."),
        ({"product_id": "1", "status": "sold"}, "The selected status is invalid."),
        ({"validity": -1}, "The validity field must be at least 0."),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_read(host: Host, option: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IncorrectData, match=sentence):
        _import(host, "A\n", **option)
    assert host.stored_license_keys() == []


def test_a_csv_file_needs_a_column_of_license_keys(host: Host) -> None:
    for header in ("key,product_id", "license_key;product_id", "\x00"):
        with pytest.raises(FileError, match="needs a header with the column license_key, separated by commas"):
            _import(host, f"{header}\nA,1\n", file_format="csv")


def test_a_quote_without_an_end_is_told_by_the_line_on_which_it_begins(host: Host) -> None:
    rows = 'license_key,product_id\nA,1\n"B,1\nC,1\nD,1\n'
    summary, rejected = _import(host, rows, file_format="csv")
    assert rejected == [(5, "The row that begins on line 3 is not CSV: unexpected end of data.")]
    assert summary == ImportSummary(rows=2, created=1, rejected=1)


def test_a_line_without_end_is_refused_before_it_fills_the_memory(host: Host) -> None:
    with pytest.raises(FileError, match=f"Line 2 is longer than {MAX_LINE_LENGTH} characters"):
        _import(host, "A\n" + "B" * MAX_LINE_LENGTH, product_id=1)


def test_gzip_is_recognised_and_a_damaged_file_is_told(host: Host) -> None:
    compressed = gzip.compress("".join(f"KEY-{number}\n" for number in range(2000)).encode())
    assert _import(host, compressed, product_id=1)[0].created == 2000
    with pytest.raises(FileError, match="not whole gzip"):
        _import(host, compressed[:-20], product_id=1)
    with pytest.raises(FileError, match="not whole gzip"):
        _import(host, compressed[:1000] + b"\x00" * 500 + compressed[1500:], product_id=1)


def test_a_path_says_format_and_compression(stocked_host: Host, tmp_path: Path) -> None:
    file = tmp_path / "stock.csv.gz"
    with stocked_host.app.app_context():
        assert stocked_host.licensing.export_license_keys(file) == 4
        assert stocked_host.licensing.import_license_keys(file) == ImportSummary(rows=4, duplicate=4)
        first = file.read_bytes()
        stocked_host.licensing.export_license_keys(file)
    assert gzip.decompress(first).decode() == _export(stocked_host, "csv")
    assert file.read_bytes() == first


def test_an_export_that_fails_leaves_the_file_that_was_there(host: Host, tmp_path: Path) -> None:
    file = tmp_path / "stock.txt"
    file.write_text("the last whole export\n")
    with host.app.app_context():
        host.db.drop_all()
        with pytest.raises(StoreUnavailable):
            host.licensing.export_license_keys(file)
    assert file.read_text() == "the last whole export\n"


def test_a_dry_run_counts_and_stores_nothing(host_on_each_database: Host) -> None:
    _import(host_on_each_database, "A\n", product_id=1)
    summary, _ = _import(host_on_each_database, "A\nB\nC\nB\n", product_id=1, dry_run=True, batch_size=1)
    assert summary == ImportSummary(rows=4, created=2, duplicate=2)
    assert host_on_each_database.stored_license_keys() == ["A"]


def test_progress_is_told_after_each_batch_and_an_interrupted_import_keeps_whole_batches(host: Host) -> None:
    seen: list[int] = []

    def interrupt(summary: ImportSummary) -> None:
        seen.append(summary.rows)
        if summary.rows == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _import(host, "A\nB\nC\nD\nE\n", product_id=1, batch_size=2, progress=interrupt)
    assert seen == [2, 4]
    assert host.stored_license_keys() == ["A", "B", "C", "D"]
    assert _import(host, "A\nB\nC\nD\nE\n", product_id=1)[0] == ImportSummary(rows=5, created=1, duplicate=4)


class _BusyStore(MemoryKeyStore):
    """A store whose database ends its transactions for others, a number of times."""

    def __init__(self) -> None:
        super().__init__()
        self.conflicts = 0

    def add_license_keys(self, *arguments: Any) -> int:
        if self.conflicts:
            self.conflicts -= 1
            raise TransactionConflict
        return super().add_license_keys(*arguments)


@pytest.mark.parametrize("seconds", [0, 20])
def test_a_batch_whose_transaction_was_ended_for_another_is_tried_again_for_so_many_seconds(
    seconds: float, create_host: Callable[..., Host]
) -> None:
    store = _BusyStore()
    host = create_host(key_store=store, transaction_retry_seconds=seconds)
    store.conflicts = 4
    if seconds:
        assert _import(host, "A\nB\n", product_id=1)[0] == ImportSummary(rows=2, created=2)
    else:
        with pytest.raises(StoreUnavailable):
            _import(host, "A\nB\n", product_id=1)


class _PlainStore:
    """A store that creates license keys and does no more."""

    def __init__(self, store: MemoryKeyStore) -> None:
        self.transaction = store.transaction
        self.find_product = store.find_product
        self.add_license_keys = store.add_license_keys
        self.find_idempotency_record = store.find_idempotency_record
        self.add_idempotency_record = store.add_idempotency_record
        self.delete_idempotency_records = store.delete_idempotency_records


def test_a_store_that_only_keeps_keys_imports_and_says_that_it_can_not_export() -> None:
    store = MemoryKeyStore()
    store.add_product("Photo Editor", NOW)
    app = Flask("shop")
    licensing = Licensing(app, key_store=_PlainStore(store), authenticator=lambda _: Caller("the shop itself"))
    with app.app_context():
        summary = licensing.import_license_keys(io.BytesIO(MIXED_CSV.encode()), file_format="csv")
        assert summary == ImportSummary(rows=4, created=4)
        with pytest.raises(LicensingError, match="_PlainStore does not list license keys"):
            licensing.export_license_keys(io.BytesIO())


def test_the_commands_import_and_export_with_a_summary_and_an_exit_code(host: Host, tmp_path: Path) -> None:
    (tmp_path / "stock.csv").write_text(MIXED_CSV)
    imported = _run(host, "import-license-keys", str(tmp_path / "stock.csv"))
    assert (imported.exit_code, imported.stdout) == (0, "4 rows: 4 created, 0 there already, 0 rejected.\n")
    again = _run(host, "import-license-keys", "-", "--product", "1", "--json", input="A\nPLAIN-1\n")
    assert json.loads(again.stdout) == {"rows": 2, "created": 1, "duplicate": 1, "rejected": 0}
    exported = _run(host, "export-license-keys", "--status", "blocked")
    assert (exported.exit_code, exported.stdout, exported.stderr) == (0, "=SUM(A1)\n", "1 license keys written.\n")
    assert _run(host, "export-license-keys", str(tmp_path / "out.ndjson")).exit_code == 0
    assert len((tmp_path / "out.ndjson").read_text().splitlines()) == 5


def test_the_command_writes_rejected_rows_to_a_file_or_shows_the_first(host: Host, tmp_path: Path) -> None:
    rows = "license_key,product_id\n" + "".join(f"KEY-{number},9\n" for number in range(12)) + "GOOD,1\n"
    shown = _run(host, "import-license-keys", "-", "--format", "csv", input=rows)
    assert (shown.exit_code, shown.stdout) == (1, "13 rows: 1 created, 0 there already, 12 rejected.\n")
    assert shown.stderr.startswith("line 2: The selected product id is invalid.\n")
    assert "… and 2 more; --rejects names a file" in shown.stderr
    file = tmp_path / "rejects.csv"
    _run(host, "import-license-keys", "-", "--format", "csv", "--rejects", str(file), input=rows)
    header, first, *others = csv.reader(file.read_text().splitlines())
    assert header == ["line", "license_key", "reason"]
    assert first == ["2", "KEY-0", "The selected product id is invalid."]
    assert len(others) == 11


def test_a_row_that_is_not_unicode_is_written_to_the_file_of_rejected_rows(host: Host, tmp_path: Path) -> None:
    """The import once broke off there, with its batch stored and the rest of the file unread."""
    file = tmp_path / "rejects.csv"
    arguments = ("import-license-keys", "-", "--product", "1", "--rejects", str(file))
    latin_1 = _run(host, *arguments, input=b"CAF\xc9\nGOOD\n")
    assert latin_1.stdout == "2 rows: 1 created, 0 there already, 1 rejected.\n"
    assert file.read_text().splitlines()[1].startswith("1,CAF\\udcc9,The license key must be")
    surrogate = _run(host, *arguments, "--format", "ndjson", input='{"license_key": "\\ud800"}\n')
    assert surrogate.stdout == "1 rows: 0 created, 0 there already, 1 rejected.\n"
    assert file.read_text().splitlines()[1].startswith("1,\\ud800,")


def test_the_commands_show_wrong_files_and_options_as_one_line(host: Host, tmp_path: Path) -> None:
    unknown = _run(host, "import-license-keys", "-", "--product", "9", input="A\n")
    assert (unknown.exit_code, unknown.stderr.splitlines()[-1]) == (
        1,
        "Error: Incorrect data found: The selected product id is invalid.",
    )
    nowhere = _run(host, "export-license-keys", str(tmp_path / "missing" / "stock.csv"))
    assert nowhere.exit_code == 1
    assert "can't be opened: No such file or directory" in nowhere.stderr


SITE = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_licensing import Licensing

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///site.db"
db = SQLAlchemy(app)
licensing = Licensing(app, db)
with app.app_context():
    db.create_all()
    if not licensing.list_products():
        licensing.create_product("Photo Editor")
"""

IMPORT = [sys.executable, "-m", "flask", "--app", "site_app", "licensing", "import-license-keys", "-", "--product", "1"]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a site on SQLite in it."""
    (tmp_path / "site_app.py").write_text(SITE)
    return tmp_path


def test_an_import_interrupted_by_the_keyboard_says_so_and_goes_on_when_started_again(site: Path) -> None:
    rows = "".join(f"KEY-{number}\n" for number in range(100_000))
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(IMPORT, cwd=site, env=THIS_PROJECT, text=True, **pipes) as process:  # noqa: S603 - as written above
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(rows)
        process.stdin.write("NEVER-READ-TO-ITS-END" * 500)
        process.stdin.flush()
        while not (line := process.stderr.readline()).startswith("100,000 rows, "):
            assert line, "the import ended by itself"
        process.send_signal(signal.SIGINT)
        output, messages = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output == "100000 rows: 100000 created, 0 there already, 0 rejected.\n"
    assert "Interrupted. Started again" in messages
    assert "Traceback" not in messages
    again = subprocess.run(  # noqa: S603 - as written above
        IMPORT, cwd=site, env=THIS_PROJECT, input=rows + "LAST\n", capture_output=True, text=True, check=True
    )
    assert again.stdout == "100001 rows: 1 created, 100000 there already, 0 rejected.\n"


def test_on_a_terminal_a_bar_shows_the_rate(site: Path) -> None:
    (site / "keys.txt").write_text("".join(f"KEY-{number}\n" for number in range(30_000)))
    command = [argument if argument != "-" else "keys.txt" for argument in IMPORT]
    controller, terminal = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - as written above
        command, cwd=site, env=THIS_PROJECT | {"TERM": "xterm"}, stdout=subprocess.PIPE, stderr=terminal, text=True
    ) as process:
        os.close(terminal)
        output, _ = process.communicate(timeout=60)
    drawn = os.read(controller, 100_000).decode()
    os.close(controller)
    assert output == "30000 rows: 30000 created, 0 there already, 0 rejected.\n"
    assert "Importing" in drawn
    assert "rows a second" in drawn
    assert "100%" in drawn


def test_memory_stays_flat_however_long_the_file(site: Path) -> None:
    def peak_kilobytes(rows: int) -> int:
        measured = (
            "import io, resource, site_app\n"
            "class Rows(io.RawIOBase):\n"
            f"    left = {rows}\n"
            "    def readable(self): return True\n"
            "    def readinto(self, buffer):\n"
            "        rows = min(self.left, len(buffer) // 17)\n"
            "        lines = b''.join(b'%012d-%03d\\n' % (self.left, row) for row in range(rows))\n"
            "        self.left -= rows\n"
            "        buffer[: len(lines)] = lines\n"
            "        return len(lines)\n"
            "with site_app.app.app_context():\n"
            "    summary = site_app.licensing.import_license_keys(Rows(), product_id=1, dry_run=True)\n"
            f"assert summary.created == {rows}, summary\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        )
        ran = subprocess.run(  # noqa: S603 - as written above
            [sys.executable, "-c", measured], cwd=site, env=THIS_PROJECT, capture_output=True, text=True, check=True
        )
        return int(ran.stdout)

    assert peak_kilobytes(250_000) < peak_kilobytes(50_000) + 10_000


def test_rows_are_read_only_as_far_as_the_batch_needs(host: Host) -> None:
    """A file is never read whole: after the first batch most of it is still there."""
    binary = io.BytesIO(b"".join(b"KEY-%d\n" % number for number in range(100_000)))
    position: list[int] = []

    def note(_: ImportSummary) -> None:
        position.append(binary.tell())

    with host.app.app_context():
        host.licensing.import_license_keys(binary, product_id=1, batch_size=10_000, progress=note)
    assert len(position) == 10
    assert position[0] < position[-1] / 8
