"""Metadata in imports and exports: what is written reads back, what can't be kept is rejected, memory stays flat."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_licensing import Licensing
from flask_licensing.core.domain import Caller
from flask_licensing.errors import LicensingError
from flask_licensing.inventory.service import ImportSummary
from flask_licensing.models import LicenseKey, MetadataRow
from flask_licensing.stores.memory import MemoryKeyStore
from flask_licensing.testing.contracts.key_store import NOW
from tests.programs import THIS_PROJECT
from tests.test_statements import counted_statements

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.hosts import Host

ENTRIES = [
    {"key": "seats", "value": 5},
    {"key": "note", "value": " of the site "},
    {"key": "é \"',", "value": {"z": ['a\n"b",', None, 0.5], "a": ""}},
]
NDJSON = "\n".join(
    [
        json.dumps({"license_key": "A", "product_id": 1, "meta_data": ENTRIES}),
        json.dumps({"license_key": "B", "product_id": 1, "validity": 7}),
        json.dumps({"license_key": "C", "product_id": 1, "meta_data": []}),
        json.dumps({"license_key": "D", "product_id": 1, "validity": 7, "meta_data": ENTRIES[:1]}),
    ]
)


def _import(
    licensing: Licensing, text: str, file_format: str = "ndjson", **options: Any
) -> tuple[ImportSummary, list[tuple[int, str, str]], list[str]]:
    """Import a text; return the summary, the rejected rows and the warnings. Needs an app context."""
    rejected: list[tuple[int, str, str]] = []
    warnings: list[str] = []
    summary = licensing.import_license_keys(
        io.BytesIO(text.encode()),
        file_format=file_format,
        reject=lambda row, reason: rejected.append((row.line, row.license_key, reason)),
        warn=warnings.append,
        **options,
    )
    return summary, rejected, warnings


def _export(licensing: Licensing, file_format: str) -> str:
    exported = io.BytesIO()
    licensing.export_license_keys(exported, file_format=file_format)
    return exported.getvalue().decode()


def _kept(licensing: Licensing, license_key: str) -> list[dict[str, Any]]:
    return [{"key": one.key, "value": one.value} for one in licensing.list_license_key_meta(license_key)]


@pytest.mark.parametrize("file_format", ["csv", "ndjson"])
def test_metadata_is_exported_and_imports_again_unchanged(
    host_on_each_database: Host, create_host: Callable[..., Host], file_format: str
) -> None:
    host, other = host_on_each_database, create_host()
    with host.app.app_context():
        assert _import(host.licensing, NDJSON) == (ImportSummary(rows=4, created=4), [], [])
        assert [_kept(host.licensing, license_key) for license_key in "ABCD"] == [ENTRIES, [], [], ENTRIES[:1]]
        exported = _export(host.licensing, file_format)
        assert sorted(_export(host.licensing, "text").split()) == ["A", "B", "C", "D"]
    with other.app.app_context():
        assert _import(other.licensing, exported, file_format) == (ImportSummary(rows=4, created=4), [], [])
        assert _export(other.licensing, file_format) == exported
        assert _kept(other.licensing, "A") == ENTRIES


def test_a_record_has_metadata_as_answers_show_it_and_none_where_there_is_none(host: Host) -> None:
    with host.app.app_context():
        _import(host.licensing, NDJSON)
        records = {
            line["license_key"]: line for line in map(json.loads, _export(host.licensing, "ndjson").split("\n")[:4])
        }
        header, *rows = _export(host.licensing, "csv").splitlines()
    assert records["A"]["meta_data"] == ENTRIES
    assert "meta_data" not in records["B"]
    assert header.endswith(",assigned_at,meta_data")
    assert [row for row in rows if row.startswith("B,")] == ["B,1,0,7,available,,,,"]


def test_a_license_key_that_is_there_stays_as_it_is_and_of_one_that_is_twice_the_first_row_counts(
    host_on_each_database: Host,
) -> None:
    host = host_on_each_database
    rows = [
        {"license_key": "A", "product_id": 1, "meta_data": [{"key": "k", "value": "first"}]},
        {"license_key": "A", "product_id": 1, "validity": 7, "meta_data": [{"key": "k", "value": "second"}]},
        {"license_key": "B", "product_id": 1},
        {"license_key": "B", "product_id": 1, "meta_data": [{"key": "k", "value": "second"}]},
    ]
    text = "\n".join(map(json.dumps, rows))
    with host.app.app_context():
        assert _import(host.licensing, text)[0] == ImportSummary(rows=4, created=2, duplicate=2)
        assert (_kept(host.licensing, "A"), _kept(host.licensing, "B")) == ([{"key": "k", "value": "first"}], [])
        host.licensing.create_license_keys(["C"], product_id=1, activation_limit=0, validity=0, status="available")
        changed = text.replace("first", "changed") + json.dumps({"license_key": "C", "product_id": 1}).join(["\n", ""])
        changed = changed[:-1] + ', "meta_data": [{"key": "k", "value": "late"}]}'
        assert _import(host.licensing, changed)[0] == ImportSummary(rows=5, duplicate=5)
        assert (_kept(host.licensing, "A"), _kept(host.licensing, "C")) == ([{"key": "k", "value": "first"}], [])


WRONG = [
    ('{"key": "k", "value": 1}', "The meta_data is not a JSON array of objects with key and value."),
    ("[1]", "The meta_data is not a JSON array of objects with key and value."),
    ('"text"', "The meta_data is not a JSON array of objects with key and value."),
    ('[{"key": "k"}]', "The value field is required."),
    ('[{"key": " ", "value": 1}]', "The key field is required."),
    ('[{"key": "k", "value": null}]', "The value field is required."),
    ('[{"key": "k", "value": "  "}]', "The value field is required."),
    ('[{"key": "k", "value": ""}]', "The value field is required."),
    ('[{"key": "a\\u0007", "value": "v"}]', "The key field must be text without control characters."),
    (f'[{{"key": "{"x" * 256}", "value": 1}}]', "The key field must not be longer than 255 characters."),
    (
        f'[{{"key": "k", "value": "{"x" * 15_999}"}}]',
        "The value field must not be longer than 16000 characters as JSON.",
    ),
    (
        '[{"key": "k", "value": 9223372036854775808}]',
        "The value field must be text or a JSON value, with integers of up to 64 bits.",
    ),
    ('[{"key": "k", "value": 1}, {"key": " k", "value": 2}]', "The meta_data has a key more than once."),
]


@pytest.mark.parametrize(("metadata", "sentence"), WRONG, ids=[metadata[:20] for metadata, _ in WRONG])
def test_a_row_whose_metadata_can_not_be_kept_is_rejected(host: Host, metadata: str, sentence: str) -> None:
    cell = metadata.replace('"', '""')
    as_csv = f'license_key,product_id,meta_data\nA,1,"{cell}"\nB,1, \n'
    as_ndjson = (
        f'{{"license_key": "A", "product_id": 1, "meta_data": {metadata}}}\n{{"license_key": "B", "product_id": 1}}'
    )
    with host.app.app_context():
        for text, file_format, line in ((as_csv, "csv", 2), (as_ndjson, "ndjson", 1)):
            summary, rejected, _ = _import(host.licensing, text, file_format, dry_run=True)
            assert (summary, rejected) == (ImportSummary(rows=2, created=1, rejected=1), [(line, "A", sentence)])


def test_a_cell_that_is_no_json_is_rejected(host: Host) -> None:
    with host.app.app_context():
        _, rejected, _ = _import(host.licensing, "license_key,product_id,meta_data\nA,1,[\n", "csv")
    assert rejected == [(2, "A", "The meta_data is not a JSON array of objects with key and value.")]


def test_a_license_key_that_another_transaction_stores_meanwhile_keeps_its_own_metadata(host: Host) -> None:
    columns = {"product_id": 1, "activation_limit": 0, "validity": 0, "status": "available"}
    rows = iter([{**columns, "license_key": "A", "created_at": NOW, "updated_at": NOW}])

    def store_it(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "INSERT INTO licensing_license_keys" in statement and (row := next(rows, None)):
            with engine.begin() as another:
                another.execute(sa.insert(LicenseKey), row)

    with host.app.app_context():
        engine = host.db.engine
        sa.event.listen(engine, "before_cursor_execute", store_it)
        assert _import(host.licensing, NDJSON)[0] == ImportSummary(rows=4, created=3, duplicate=1)
        assert (_kept(host.licensing, "A"), _kept(host.licensing, "D")) == ([], ENTRIES[:1])


def test_a_dry_run_keeps_no_metadata(host: Host) -> None:
    with host.app.app_context():
        assert _import(host.licensing, NDJSON, dry_run=True)[0] == ImportSummary(rows=4, created=4)
        assert host.db.session.scalars(sa.select(MetadataRow.id)).all() == []


def test_a_store_that_imports_no_metadata_says_so_and_imports_what_has_none() -> None:
    class Plain(MemoryKeyStore):
        find_license_key_ids: Any = None
        add_license_key_metadata: Any = None

    app = Flask("site")
    app.testing = True
    store = Plain()
    licensing = Licensing(app, key_store=store, authenticator=lambda _: Caller("site"))
    with app.app_context():
        licensing.create_product("Photo Editor")
        assert _import(licensing, '{"license_key": "A", "product_id": 1}')[0].created == 1
        with pytest.raises(LicensingError, match="Plain imports no metadata"):
            _import(licensing, NDJSON)


def test_a_thousand_license_keys_take_no_more_statements_than_one(host_on_each_database: Host) -> None:
    host = host_on_each_database

    def rows(prefix: str, count: int) -> str:
        row = {"product_id": 1, "meta_data": ENTRIES}
        return "\n".join(json.dumps({"license_key": f"{prefix}-{number}", **row}) for number in range(count))

    with host.app.app_context():
        with counted_statements(host) as of_one:
            _import(host.licensing, rows("A", 1))
        with counted_statements(host) as of_a_thousand:
            _import(host.licensing, rows("B", 1000))
        with counted_statements(host) as of_the_export:
            assert _export(host.licensing, "ndjson").count("seats") == 1001
        with counted_statements(host) as of_the_texts:
            _export(host.licensing, "text")
    assert len(of_a_thousand) == len(of_one)
    assert (len(of_the_export), len(of_the_texts)) == (3, 1)


def test_a_batch_ends_early_where_there_is_much_metadata(host: Host) -> None:
    long = [{"key": "k", "value": "x" * 9_900}]
    text = "\n".join(
        json.dumps({"license_key": f"KEY-{number}", "product_id": 1, "meta_data": long}) for number in range(800)
    )
    told: list[int] = []
    with host.app.app_context():
        summary, _, _ = _import(host.licensing, text, progress=lambda summary: told.append(summary.rows))
    assert summary.created == 800
    assert told == [401, 800]


def test_memory_stays_flat_however_long_a_file_with_metadata(host: Host, tmp_path: Path) -> None:
    url = host.app.config["SQLALCHEMY_DATABASE_URI"]

    def peak_kilobytes(rows: int) -> int:
        measured = (
            "import io, resource\n"
            "from flask import Flask\nfrom flask_sqlalchemy import SQLAlchemy\nfrom flask_licensing import Licensing\n"
            "app = Flask('site')\n"
            f"app.config['SQLALCHEMY_DATABASE_URI'] = {url!r}\n"
            "db = SQLAlchemy()\nlicensing = Licensing(db=db)\ndb.init_app(app)\nlicensing.init_app(app)\n"
            'line = b\'{"license_key": "%08d-%08d", "product_id": 1, "meta_data": [{"key": "k", "value": "v"}]}\\n\'\n'
            "class Rows(io.RawIOBase):\n"
            f"    left = {rows}\n"
            "    def readable(self): return True\n"
            "    def readinto(self, buffer):\n"
            f"        rows = min(self.left, len(buffer) // len(line % (0, 0)))\n"
            f"        lines = b''.join(line % ({rows}, self.left - row) for row in range(rows))\n"
            "        self.left -= rows\n"
            "        buffer[: len(lines)] = lines\n"
            "        return len(lines)\n"
            "with app.app_context():\n"
            "    summary = licensing.import_license_keys(Rows(), file_format='ndjson')\n"
            f"    assert summary.created == {rows}, summary\n"
            "    import os\n"
            "    with open(os.devnull, 'wb') as file:\n"
            "        licensing.export_license_keys(file, file_format='ndjson')\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        )
        ran = subprocess.run(  # noqa: S603 - as written above
            [sys.executable, "-c", measured],
            cwd=tmp_path,
            env=THIS_PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return int(ran.stdout)

    assert peak_kilobytes(60_000) < peak_kilobytes(35_000) + 10_000
