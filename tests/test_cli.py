"""The ``flask licensing`` commands."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup

from flask_licensing import Licensing
from flask_licensing.commands import create_commands
from flask_licensing.features import FEATURES
from flask_licensing.private_keys.signing import generate_private_key
from flask_licensing.stores.memory import MemoryKeyStore
from flask_licensing.verification import is_valid_response
from tests.documented_example import ENVELOPE, PUBLIC_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.hosts import Host

DOCUMENTATION = Path(__file__).parent.parent / "docs" / "cli.md"


def _run(host: Host, *arguments: str, **options: Any) -> Result:
    return host.app.test_cli_runner().invoke(args=["licensing", *arguments], **options)


def _printed(host: Host, *arguments: str, **options: Any) -> str:
    result = _run(host, *arguments, **options)
    assert result.exit_code == 0, result.output
    return result.stdout


def _printed_json(host: Host, *arguments: str, **options: Any) -> Any:
    return json.loads(_printed(host, *arguments, "--json", **options))


def _refusal(host: Host, *arguments: str) -> str:
    result = _run(host, *arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    return result.output


def _key_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".gitignore")


@pytest.fixture
def folder_host(create_host: Callable[..., Host], tmp_path: Path) -> Host:
    """A host whose private keys are files in a folder that is not there yet."""
    return create_host(private_key_source=f"file:{tmp_path / 'keys'}")


def test_a_made_private_key_is_for_its_owner_alone_and_signs_at_once(folder_host: Host, tmp_path: Path) -> None:
    assert str(tmp_path / "keys" / "global.pem") in _printed(folder_host, "generate-private-key")
    assert (tmp_path / "keys" / "global.pem").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert _key_files(tmp_path / "keys") == ["global.pem"]
    public_key = _printed(folder_host, "show-public-key")
    assert is_valid_response(folder_host.post(folder_host.fields()).data, public_key)


@pytest.mark.parametrize("umask", [0o000, 0o777])
@pytest.mark.parametrize("name", ["deep/keys", "deep/one.pem"])
def test_made_files_and_folders_are_for_their_owner_alone_whatever_the_umask(
    create_host: Callable[..., Host], tmp_path: Path, name: str, umask: int
) -> None:
    host = create_host(private_key_source=f"file:{tmp_path / name}")
    before = os.umask(umask)
    try:
        made = Path(_printed_json(host, "generate-private-key")["file"])
    finally:
        os.umask(before)
    for path in (made, made.parent / ".gitignore"):
        assert path.stat().st_mode & 0o777 == 0o600
    for folder in {made.parent, tmp_path / "deep"}:
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("is_there", [True, False], ids=["to a file", "to nothing"])
def test_a_link_in_the_place_of_a_key_is_not_written_through(folder_host: Host, tmp_path: Path, is_there: bool) -> None:
    folder, planted = tmp_path / "keys", tmp_path / "planted"
    folder.mkdir()
    if is_there:
        planted.write_text("of somebody else")
    (folder / "global.pem").symlink_to(planted)
    (folder / ".gitignore").symlink_to(planted)
    assert "exists" in _refusal(folder_host, "generate-private-key")
    _printed(folder_host, "generate-private-key", "--overwrite")
    assert not (folder / "global.pem").is_symlink()
    assert (planted.read_text() if planted.exists() else "nothing") == ("of somebody else" if is_there else "nothing")


@pytest.mark.parametrize(("name", "pattern"), [("keys", "*"), ("one.pem", "/one.pem")])
def test_git_passes_over_a_key_that_is_made(
    create_host: Callable[..., Host], tmp_path: Path, name: str, pattern: str
) -> None:
    host = create_host(private_key_source=f"file:{tmp_path / name}")
    made = Path(_printed_json(host, "generate-private-key")["file"])
    beside = made.parent / ".gitignore"
    assert beside.read_text() == f"{pattern}\n"
    beside.write_text("of the site's own\n")
    _printed(host, "generate-private-key", "--overwrite")
    assert beside.read_text() == "of the site's own\n"


def test_a_products_key_is_made_and_shown_beside_the_global_one(folder_host: Host) -> None:
    made = _printed_json(folder_host, "generate-private-key", "--product", "1")
    assert Path(made["file"]).name == "product-1.pem"
    _printed(folder_host, "generate-private-key")
    answer = folder_host.post(folder_host.fields())
    assert answer.get_json()["private_key_used"] == "product"
    product_key = _printed_json(folder_host, "show-public-key", "--product", "1")["public_key"]
    assert is_valid_response(answer.data, product_key)
    assert not is_valid_response(answer.data, _printed(folder_host, "show-public-key"))


def test_a_private_key_is_not_overwritten_unless_told(folder_host: Host, tmp_path: Path) -> None:
    file = tmp_path / "keys" / "global.pem"
    _printed(folder_host, "generate-private-key")
    before = file.read_bytes()
    assert "exists" in _refusal(folder_host, "generate-private-key")
    assert file.read_bytes() == before
    _printed(folder_host, "generate-private-key", "--overwrite")
    assert file.read_bytes() != before
    assert _key_files(file.parent) == ["global.pem"]


def test_check_remarks_which_keys_are_too_small_to_sign_after_2030(folder_host: Host, tmp_path: Path) -> None:
    def remark() -> str:
        checks = json.loads(_run(folder_host, "check", "--json").stdout)
        (found,) = (check for check in checks if check["name"] == "private key sizes")
        assert found["ok"]
        return str(found["message"])

    assert remark() == "none is known"
    _printed(folder_host, "generate-private-key", "--bits", "3072")
    assert remark() == "all have 3072 bits or more"
    _printed(folder_host, "generate-private-key", "--product", "1")
    assert remark().startswith("1 of 2 have fewer than 3072 bits: ")
    assert f"{tmp_path / 'keys' / 'product-1.pem'}, has 2048. An RSA key of 2048 bits has 112 bits" in remark()
    _printed(folder_host, "rotate-private-key", "--product", "1", "--bits", "3072")
    assert remark().startswith("1 of 3 have fewer than 3072 bits: "), "what is published still counts"
    (small,) = (key for key in _printed_json(folder_host, "list-private-keys") if key["bits"] == 2048)
    (file,) = (tmp_path / "keys").glob("product-1.*.verify-only.pem")
    file.rename(file.with_name(file.name.replace("verify-only", "retired")))
    assert remark() == "all have 3072 bits or more"
    assert small["state"] == "verify-only"


@pytest.mark.parametrize("bits", ["1024", "2049", "x"])
def test_a_key_of_another_size_is_not_made(folder_host: Host, tmp_path: Path, bits: str) -> None:
    for command in ("generate-private-key", "rotate-private-key"):
        assert _run(folder_host, command, "--bits", bits).exit_code == 2
    assert not (tmp_path / "keys").exists()


def test_a_private_key_is_encrypted_where_a_passphrase_is_set(create_host: Callable[..., Host], tmp_path: Path) -> None:
    host = create_host(private_key_source=f"file:{tmp_path / 'keys'}", private_key_passphrase="open sesame, please")
    _printed(host, "generate-private-key")
    assert b"ENCRYPTED" in (tmp_path / "keys" / "global.pem").read_bytes()


def test_a_private_key_needs_a_place_to_go(
    host: Host, create_host: Callable[..., Host], tmp_path: Path, folder_host: Host
) -> None:
    assert "this source reads no files" in _refusal(host, "generate-private-key")
    one_file = create_host(private_key_source=f"file:{tmp_path / 'key.pem'}")
    assert "make it a folder" in _refusal(one_file, "generate-private-key", "--product", "1")
    (tmp_path / "keys").write_text("a file where the folder should be")
    assert "can't be written" in _refusal(folder_host, "generate-private-key")


def test_a_public_key_that_is_not_there_or_kept_elsewhere_is_not_shown(
    folder_host: Host, create_host: Callable[..., Host]
) -> None:
    class RemoteSigner:
        def sign(self, data: bytes) -> bytes:
            return data

    assert "There is no private key" in _refusal(folder_host, "show-public-key")
    remote = create_host(private_key_source=lambda _: RemoteSigner())
    assert "kept elsewhere" in _refusal(remote, "show-public-key")


def test_products_are_created_and_listed(host: Host) -> None:
    assert _printed(host, "create-product", "Video Editor") == "Product 2: Video Editor\n"
    said = {"id": 3, "name": "Sound Editor", "status": "active"}
    assert said.items() <= _printed_json(host, "create-product", "Sound Editor").items()
    assert _printed(host, "list-products") == "1\tPhoto Editor\n2\tVideo Editor\n3\tSound Editor\n"
    assert len(_printed_json(host, "list-products")) == 3
    assert "The name field is required." in _refusal(host, "create-product", " ")


def test_an_api_key_is_printed_once_and_works(host: Host) -> None:
    result = _run(host, "create-api-key", "Order desk", "--capability", "create-license-keys", "--allow", "127.0.0.0/8")
    secret = result.stdout.strip()
    assert "shown this once" in result.stderr
    answer = host.app.test_client().post(
        "/api/v1/create-license-keys", data=host.fields(), headers={"Authorization": f"Bearer {secret}"}
    )
    assert answer.status_code == 200
    listed = _printed(host, "list-api-keys")
    assert "2\tOrder desk\tactive\tcreate-license-keys\tlast used" in listed
    assert secret not in listed


def test_api_keys_are_listed_and_revoked(host: Host) -> None:
    created = _printed_json(host, "create-api-key", "Temporary", "--expires-at", "2030-01-01", "--allow", "192.0.2.1")
    assert created["expires_at"] == "2030-01-01T00:00:00"
    assert len(created["secret"]) == 43
    assert _printed(host, "revoke-api-key", str(created["id"])) == "API key 2 is inactive.\n"
    (_, listed) = _printed_json(host, "list-api-keys")
    assert (listed["active"], listed["allowed_networks"]) == (False, ["192.0.2.1/32"])
    assert "secret" not in listed
    assert "\trevoked\tevery endpoint\tnever used" in _printed(host, "list-api-keys")
    assert "There is no API key 99." in _refusal(host, "revoke-api-key", "99")
    assert "Unknown capabilities" in _refusal(host, "create-api-key", "X", "--capability", "everything")


def test_license_keys_are_created_from_arguments_a_file_and_standard_input(host: Host, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("B\n\n  C  \nA\n")
    arguments = ["create-license-keys", "--product", "1"]
    assert _printed(host, *arguments, "A") == "1 created, 0 there already.\n"
    assert _printed(host, *arguments, "--file", str(tmp_path / "keys.txt")) == "2 created, 1 there already.\n"
    assert _printed_json(host, *arguments, "--file", "-", input="D\nD\n") == {"created": 1, "duplicate": 1}
    assert host.stored_license_keys() == ["A", "B", "C", "D"]


def test_wrong_license_keys_are_refused_without_a_traceback(host: Host) -> None:
    assert "The selected product id is invalid." in _refusal(host, "create-license-keys", "A", "--product", "9")
    assert "The license keys field is required." in _refusal(host, "create-license-keys", "--product", "1")
    assert host.stored_license_keys() == []


@pytest.mark.parametrize("changed", [False, True], ids=["as sent", "changed"])
def test_a_saved_response_is_verified(host: Host, tmp_path: Path, changed: bool) -> None:
    body = host.post(host.fields()).text
    (tmp_path / "response.json").write_text(body.replace('"created":1', '"created":2') if changed else body)
    (tmp_path / "public.pem").write_text(host.public_key)
    arguments = ["verify-response", str(tmp_path / "response.json"), "--public-key", str(tmp_path / "public.pem")]
    for_people, for_programs = _run(host, *arguments), _run(host, *arguments, "--json")
    assert for_people.exit_code == for_programs.exit_code == (1 if changed else 0)
    assert ("differs from what was signed" if changed else "Valid: {") in for_people.output
    assert json.loads(for_programs.stdout)["valid"] is not changed
    assert "global" not in for_people.output, "which key signed is not among what is signed"


@pytest.mark.parametrize(
    ("response", "public_key"),
    [
        ("missing.json", "public.pem"),
        (".", "public.pem"),
        ("empty.json", "public.pem"),
        ("page.html", "public.pem"),
        ("response.json", "missing.pem"),
        ("response.json", "empty.json"),
        ("response.json", "page.html"),
    ],
)
def test_an_answer_that_can_not_be_checked_is_told_from_one_that_does_not_verify(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, response: str, public_key: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("response.json").write_text(host.post(host.fields()).text)
    Path("public.pem").write_text(host.public_key)
    Path("empty.json").touch()
    Path("page.html").write_bytes(b"<title>502 Bad Gateway</title>\xff")
    arguments = ["verify-response", response, "--public-key", public_key]
    for_people, for_programs = _run(host, *arguments), _run(host, *arguments, "--json")
    assert for_people.exit_code == for_programs.exit_code == 2
    assert re.fullmatch(r"Error: The answer could not be checked: .+\.\n", for_people.stderr)
    assert json.loads(for_programs.stdout)["valid"] is None


def test_an_answer_that_is_too_old_is_not_valid(host: Host, tmp_path: Path) -> None:
    (tmp_path / "response.json").write_text(json.dumps(ENVELOPE))
    (tmp_path / "public.pem").write_text(PUBLIC_KEY)
    arguments = ["verify-response", str(tmp_path / "response.json"), "--public-key", str(tmp_path / "public.pem")]
    assert "is not valid: The answer was signed" in _refusal(host, *arguments, "--max-age", "3600")
    assert _printed(host, *arguments).startswith('Valid: {"code": 900')


def test_the_audit_log_is_shown_newest_first_as_lines_and_as_json(host: Host) -> None:
    host.post(host.fields(license_keys='["A", "A"]'), headers={"X-Request-ID": "order-7"})
    newest, *_, oldest = _printed(host, "audit-log").splitlines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\tapi-key:1\tlicense-keys-created\t"
        r"product 1, 1 created, 1 duplicate\t127\.0\.0\.1\torder-7",
        newest,
    )
    assert oldest.endswith("\thost\tproduct-created\tproduct 1\t-\t-")
    listed = _printed_json(host, "audit-log", "--action", "license-keys-created")
    assert [(record["actor"], record["created"], record["request_id"]) for record in listed] == [
        ("api-key:1", 1, "order-7")
    ]
    assert len(_printed_json(host, "audit-log", "--limit", "2")) == 2
    assert _printed_json(host, "audit-log", "--since", "9999-01-01") == []
    assert "There are no records." in _run(host, "audit-log", "--since", "9999-01-01").stderr


def test_old_records_are_deleted_by_date_or_by_age(create_host: Callable[..., Host]) -> None:
    now = [datetime(2026, 1, 1)]
    host = create_host(clock=lambda: now[0])
    host.post(host.fields(), headers={"Idempotency-Key": "order-7"})
    now[0] = datetime(2026, 3, 1)
    assert _printed(host, "purge-audit-log", "--keep-days", "60") == "0 records deleted.\n"
    assert _printed_json(host, "purge-audit-log", "--before", "2026-01-02") == {"deleted": 3}
    assert _printed(host, "purge-idempotency-records", "--keep-days", "30") == "1 records deleted.\n"
    listed = _printed_json(host, "audit-log", "--limit", "0")
    assert [(record["actor"], record["deleted"], record["deleted_before"]) for record in listed] == [
        ("command:purge-idempotency-records", 1, None),
        ("command:purge-audit-log", 3, "2026-01-02T00:00:00"),
    ]
    assert "must not be in the future" in _refusal(host, "purge-audit-log", "--before", "2026-03-02")


@pytest.mark.parametrize("options", [[], ["--before", "2026-01-01", "--keep-days", "1"], ["--keep-days", "99999999"]])
def test_a_purge_needs_one_date(host: Host, options: list[str]) -> None:
    for command in ("purge-audit-log", "purge-idempotency-records"):
        result = _run(host, command, *options)
        assert result.exit_code == 2
        assert "--keep-days" in result.output


def test_check_says_whether_the_audit_log_is_append_only_and_misses_triggers_where_it_is_half(host: Host) -> None:
    assert "ok      audit log: kept; its records can be changed" in _printed(host, "check")
    assert _printed(host, "protect-audit-log") == "The audit log is append-only.\n"
    assert "ok      audit log: append-only" in _printed(host, "check")
    with host.app.app_context():
        host.db.session.execute(sa.text("DROP TRIGGER licensing_audit_records_no_update"))
        host.db.session.commit()
    output = _refusal(host, "check")
    assert "protect-audit-log”: licensing_audit_records_no_update" in output
    assert _printed(host, "protect-audit-log") == "The audit log is append-only.\n"
    assert "ok      audit log: append-only" in _printed(host, "check")


def test_check_says_that_migrations_switched_off_the_loggers(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ok      log: errors are logged" in _run(host, "check").output
    monkeypatch.setattr(logging.getLogger("flask_licensing.http.error_answers"), "disabled", True)
    assert "disable_existing_loggers=False" in _refusal(host, "check")


def test_check_says_that_errors_are_not_logged(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "flask_licensing")
    assert "ok      log: errors are logged" in _run(host, "check").output
    caplog.set_level(logging.CRITICAL, "flask_licensing")
    assert "set the level of the logger “flask_licensing” to ERROR or lower" in _refusal(host, "check")


def test_check_says_what_is_missing_and_its_exit_code_too(folder_host: Host) -> None:
    def failed() -> list[str]:
        result = _run(folder_host, "check", "--json")
        names = [check["name"] for check in json.loads(result.stdout) if not check["ok"]]
        assert result.exit_code == (1 if names else 0)
        return names

    assert failed() == ["private key", "trial signature"]
    _printed(folder_host, "generate-private-key")
    assert failed() == []
    with folder_host.app.app_context():
        folder_host.licensing.revoke_api_key(1)
    assert failed() == ["API keys"]
    with folder_host.app.app_context():
        folder_host.db.drop_all()
    output = _run(folder_host, "check").output
    assert "FAILED  tables: missing: licensing_activations, licensing_api_keys" in output
    assert "Traceback" not in output


def test_check_of_a_site_that_keeps_keys_and_callers_elsewhere(create_host: Callable[..., Host]) -> None:
    class RemoteSigner:
        def sign(self, data: bytes) -> bytes:
            return b"signature" * 32

    class BrokenSigner:
        def sign(self, data: bytes) -> bytes:
            raise OSError("away")

    remote = create_host(private_key_source=lambda _: RemoteSigner(), authenticator=lambda _: None)
    output = _printed(remote, "check")
    assert "could not be verified" in output
    assert "an authenticator of the site's own" in output
    broken = create_host(private_key_source=lambda _: BrokenSigner())
    assert "did not sign: OSError" in _refusal(broken, "check")


@pytest.fixture
def run_flask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a ``flask`` command of a site whose private keys are in a folder; the command makes the app, as always."""
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")

    def create_app() -> Flask:
        app = Flask("site", instance_path=str(tmp_path))
        Licensing(app, key_store=store, private_key_source="file:keys", private_key_required=True)
        return app

    (tmp_path / "keys").mkdir(mode=0o700)
    store = MemoryKeyStore()
    return lambda *arguments: CliRunner().invoke(FlaskGroup(create_app=create_app), arguments)


@pytest.mark.parametrize("content", ["garbage", None], ids=["garbage", "no key"])
def test_with_a_broken_private_key_commands_tell_and_mend_and_all_others_say_one_line(
    run_flask: Callable[..., Result], tmp_path: Path, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """All of them, and those of the site, ended in a traceback of 36 lines."""
    file = tmp_path / "keys" / "global.pem"
    if content:
        file.write_text(content)
    reason = "is not a private key as PEM" if content else "is missing"
    for arguments in (["create-product", "Photo Editor"], ["list-products"], ["create-api-key", "A"]):
        refused = run_flask("licensing", *arguments)
        assert refused.exit_code == 1
        assert re.fullmatch(rf"Error: .*{reason}.*\n", refused.stderr)
    served = run_flask("run")
    assert (served.exit_code, served.stderr.count("\n")) == (1, 1)
    assert reason in served.stderr
    assert run_flask("routes").exit_code == 0
    assert run_flask("licensing", "create-product", "--help").exit_code == 0
    checked = run_flask("licensing", "check", "--json")
    assert checked.exit_code == 1
    assert not [record for record in caplog.records if record.exc_info]
    assert [check["name"] for check in json.loads(checked.stdout) if reason in check["message"]][:1] == ["private key"]
    assert run_flask("licensing", "list-private-keys").exit_code == 0
    assert run_flask("licensing", "generate-private-key", *(["--overwrite"] if content else [])).exit_code == 0
    assert file.read_text().startswith("-----BEGIN")
    assert run_flask("licensing", "create-product", "Photo Editor").exit_code == 0


def test_a_broken_private_key_can_be_rotated_away(run_flask: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "keys" / "global.pem").write_text("garbage")
    assert "a key that can not be read" in run_flask("licensing", "rotate-private-key").stdout
    assert run_flask("licensing", "list-products").exit_code == 0


def test_commands_run_in_a_real_flask_process(tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(
        "from flask import Flask\n"
        "from flask_sqlalchemy import SQLAlchemy\n"
        "from flask_licensing import Licensing\n"
        "app = Flask(__name__)\n"
        "app.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite:///site.db'\n"
        "app.config['LICENSING_PRIVATE_KEY_SOURCE'] = 'file:keys'\n"
        "db = SQLAlchemy(app)\n"
        "Licensing(app, db)\n"
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - the test's own program
            [sys.executable, "-m", "flask", "--app", "site_app", "licensing", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("generate-private-key").returncode == 0
    assert (tmp_path / "instance" / "keys" / "global.pem").exists()
    without_tables = run("list-products")
    assert without_tables.returncode == 1
    assert "Error: The key store is unavailable" in without_tables.stderr
    assert "Traceback" not in without_tables.stderr


def test_every_command_and_option_is_documented(host: Host) -> None:
    documentation = DOCUMENTATION.read_text()
    for name, command in create_commands(FEATURES).commands.items():
        (section,) = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", documentation, re.MULTILINE | re.DOTALL)
        for parameter in command.params:
            for option in parameter.opts:
                assert option.startswith("-") is False or f"`{option}" in section, (name, option)
    documented = set(re.findall(r"^## ([a-z-]+)$", documentation, re.MULTILINE))
    assert documented == set(create_commands(FEATURES).commands)


def test_a_key_that_is_no_rsa_key_is_told_at_start_and_not_shown(
    create_host: Callable[..., Host], tmp_path: Path
) -> None:
    encrypted = generate_private_key("a passphrase nobody set").decode()
    (tmp_path / "key.pem").write_text(encrypted)
    with pytest.raises(Exception, match="is encrypted and no passphrase is set") as refused:
        create_host(private_key_source=f"file:{tmp_path / 'key.pem'}")
    assert encrypted.splitlines()[3] not in str(refused.value)
