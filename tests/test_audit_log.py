"""The audit log: who changed the store, what, when, how many, and from where."""

from __future__ import annotations

import io
import json
import logging
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from flask_licensing import IncorrectData, Licensing, LicensingError
from flask_licensing.core.domain import AuditEvent, Caller, Origin
from flask_licensing.errors import TransactionConflict
from flask_licensing.stores.memory import MemoryKeyStore
from tests.host_key_store import HostKeyStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask_licensing.hooks import KeyStore
    from flask_licensing.testing.parts import FrozenClock
    from tests.hosts import Host

CALLER = Origin("api-key:1", "127.0.0.1", "order-7")


def _events(host: Host, **options: Any) -> list[AuditEvent]:
    """What is in the audit log, newest first."""
    with host.app.app_context():
        return [record.event for record in host.licensing.audit_log(**options)]


@pytest.fixture
def host(create_host: Callable[..., Host], licensing_clock: FrozenClock) -> Host:
    return create_host(clock=licensing_clock)


def _post(host: Host, **changes: Any) -> Any:
    headers = {"X-Request-ID": "order-7", **changes.pop("headers", {})}
    return host.post(host.fields(**changes), headers=headers)


def test_a_request_is_recorded_with_its_caller_address_id_and_counts(host: Host, licensing_clock: FrozenClock) -> None:
    licensing_clock.move(hours=1)
    _post(host, license_keys='["A", "B", "B"]')
    assert _events(host, limit=1) == [
        AuditEvent(
            licensing_clock.now, "license-keys-created", CALLER, product_id=host.product_id, created=2, duplicate=1
        )
    ]


def test_no_license_key_and_no_secret_is_in_the_log(host: Host) -> None:
    _post(host, license_keys='["PHOTO-1111-2222"]', owner_email="zoe@example.com")
    logged = repr(_events(host))
    assert "api-key:1" in logged
    assert not any(text in logged for text in ("PHOTO-1111", host.secret, "zoe@example.com"))


def test_what_changed_nothing_is_not_recorded(host: Host) -> None:
    headers = {"Idempotency-Key": "order-7"}
    first = _post(host, headers=headers)
    before = _events(host)
    assert _post(host, headers=headers).data == first.data
    assert [host.verified(_post(host, **changes))["code"] for changes in ({}, {"status": "sold"})] == [902, 901]
    host.app.test_client().post("/api/v1/create-license-keys")
    with host.app.app_context():
        assert not host.licensing.revoke_api_key(99)
    assert _events(host) == before


def test_a_request_that_could_not_be_signed_leaves_no_record(create_host: Callable[..., Host]) -> None:
    class Signer:
        def sign(self, data: bytes) -> bytes:
            raise OSError("the signer is away")

    host = create_host(private_key_source=lambda _: Signer())
    before = _events(host)
    assert _post(host).status_code == 500
    assert _events(host) == before


def test_products_and_api_keys_are_recorded_by_their_ids(host: Host) -> None:
    with host.app.app_context():
        host.licensing.revoke_api_key(1)
    assert [(event.action, event.product_id, event.target) for event in _events(host)] == [
        ("api-key-revoked", None, "api-key:1"),
        ("api-key-created", None, "api-key:1"),
        ("product-created", host.product_id, None),
    ]


def _import(host: Host, *rows: dict[str, Any], **options: Any) -> None:
    lines = "\n".join(json.dumps(row) for row in rows)
    with host.app.app_context():
        host.licensing.import_license_keys(io.BytesIO(lines.encode()), file_format="ndjson", **options)


def test_each_batch_of_an_import_is_a_record(host: Host) -> None:
    rows = [{"license_key": key} for key in ("A", "B", "B", "C")]
    _import(host, *rows, product_id=host.product_id, batch_size=3)
    _import(host, *rows, product_id=host.product_id)
    counts = [
        (event.product_id, event.created, event.duplicate) for event in _events(host, action="license-keys-imported")
    ]
    assert counts == [(host.product_id, 1, 0), (host.product_id, 2, 1)]


def test_an_import_for_several_products_names_none(host: Host) -> None:
    with host.app.app_context():
        other = host.licensing.create_product("Video Editor").id
    _import(host, *({"license_key": str(number), "product_id": number} for number in (host.product_id, other)))
    (event,) = _events(host, action="license-keys-imported")
    assert (event.product_id, event.created) == (None, 2)


def test_a_dry_run_of_an_import_leaves_no_record(host: Host) -> None:
    _import(host, {"license_key": "A"}, product_id=host.product_id, dry_run=True)
    assert _events(host, action="license-keys-imported") == []


def test_a_command_is_recorded_by_its_name(host: Host) -> None:
    host.app.test_cli_runner().invoke(args=["licensing", "create-product", "Video Editor"])
    assert _events(host, limit=1)[0].origin == Origin("command:create-product")


def test_host_code_is_recorded_as_such_with_the_request_it_answers(host: Host) -> None:
    @host.app.post("/buy")
    def buy() -> str:
        host.licensing.create_product("Video Editor")
        return ""

    host.app.test_client().post("/buy", headers={"X-Request-ID": "order-7"})
    with host.app.app_context():
        host.licensing.create_product("Sound Editor")
    assert [event.origin for event in _events(host, limit=2)] == [
        Origin("host"),
        Origin("host", "127.0.0.1", "order-7"),
    ]


@pytest.mark.parametrize("commit", [True, False], ids=["commit", "rollback"])
def test_in_the_hosts_own_transaction_the_record_is_there_when_the_keys_are(host: Host, commit: bool) -> None:
    terms: dict[str, Any] = {"activation_limit": 0, "validity": 0, "status": "available"}
    with host.app.app_context():
        host.licensing.create_license_keys(["A"], product_id=host.product_id, commit=False, **terms)
        (host.db.session.commit if commit else host.db.session.rollback)()
    assert [event.created for event in _events(host, action="license-keys-created")] == [1] * commit
    assert host.stored_license_keys() == ["A"] * commit


@pytest.mark.parametrize("sent", ["", "two words", "x" * 129, "tab\there", "é"])
def test_a_request_id_that_is_not_short_printable_ascii_is_replaced(host: Host, sent: str) -> None:
    ids = {
        _post(host, license_keys=f'["{key}"]', headers={"X-Request-ID": sent}).headers["X-Request-ID"] for key in "AB"
    }
    assert {event.origin.request_id for event in _events(host, limit=2)} == ids
    assert len(ids) == 2
    assert sent not in ids


@pytest.mark.parametrize("path", ["/api/v1/create-license-keys", "/api/v1/public-keys"])
def test_every_answer_names_its_request(host: Host, path: str) -> None:
    answer = host.app.test_client().post(path, headers={"X-Request-ID": "x" * 128})
    assert answer.headers["X-Request-ID"] == "x" * 128
    assert "X-Request-ID" not in host.app.test_client().get("/").headers


def test_an_address_or_caller_that_no_database_would_take_is_recorded_as_far_as_it_goes(
    create_host: Callable[..., Host], database_url: str
) -> None:
    host = create_host(database_url, authenticator=lambda _: Caller("Zoë\x00" + "x" * 300))
    address = "203.0.113.9\x00é" * 20
    answer = host.post(host.fields(), environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == 200
    (event,) = _events(host, limit=1)
    assert event.origin.actor == "Zoë?" + "x" * 251
    assert event.origin.remote_address == address.replace("\x00", "?")[:64]


def test_the_log_is_read_page_by_page_and_back_to_a_date(
    host: Host, licensing_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_licensing.audit.service.PAGE_SIZE", 2)
    for number in range(5):
        licensing_clock.move(days=1)
        _post(host, license_keys=f'["{number}"]')
    created = [event.occurred_at.day for event in _events(host, action="license-keys-created")]
    assert created == [6, 5, 4, 3, 2]
    assert [event.occurred_at.day for event in _events(host, limit=3)] == [6, 5, 4]
    assert len(_events(host)) == 7
    since = datetime(2026, 1, 5, 2, tzinfo=UTC).astimezone()
    assert [event.occurred_at.day for event in _events(host, since=since)] == [6]


def test_a_purge_deletes_what_is_older_and_is_itself_recorded(
    create_host: Callable[..., Host], database_url: str, licensing_clock: FrozenClock
) -> None:
    host = create_host(database_url, clock=licensing_clock)
    licensing_clock.move(days=30, seconds=0.9)
    _post(host)
    with host.app.app_context():
        assert host.licensing.purge_audit_log(licensing_clock.now) == 2
        assert host.licensing.purge_audit_log(licensing_clock.now) == 0
    purge, kept = _events(host)
    assert kept.action == "license-keys-created"
    assert purge.occurred_at.replace(microsecond=0) == licensing_clock.now.replace(microsecond=0)
    assert replace(purge, occurred_at=licensing_clock.now) == AuditEvent(
        licensing_clock.now,
        "audit-log-purged",
        Origin("host"),
        deleted=2,
        deleted_before=licensing_clock.now.replace(microsecond=0),
    )


def test_a_purge_of_the_future_is_refused(host: Host, licensing_clock: FrozenClock) -> None:
    with host.app.app_context():
        for purge in (host.licensing.purge_audit_log, host.licensing.purge_idempotency_records):
            with pytest.raises(IncorrectData, match="must not be in the future"):
                purge(licensing_clock.now + timedelta(seconds=1))


def test_of_two_purges_at_once_one_has_to_try_again(licensing_clock: FrozenClock) -> None:
    class PurgedBetweenCountAndDelete(MemoryKeyStore):
        def count_audit_records(self, before: datetime) -> int:
            return super().count_audit_records(before) + 1

    app = Flask("site")
    app.testing = True
    licensing = Licensing(app, key_store=PurgedBetweenCountAndDelete(), clock=licensing_clock)
    with app.app_context():
        licensing.create_product("Photo Editor")
        licensing_clock.move(days=1)
        with pytest.raises(TransactionConflict):
            licensing.purge_audit_log(licensing_clock.now)
        assert [record.event.action for record in licensing.audit_log()] == ["product-created"]


def test_old_idempotency_records_are_purged_and_their_keys_work_anew(host: Host, licensing_clock: FrozenClock) -> None:
    headers = {"Idempotency-Key": "order-7"}
    first = _post(host, headers=headers)
    licensing_clock.move(days=30)
    assert _post(host, headers=headers).data == first.data
    with host.app.app_context():
        assert host.licensing.purge_idempotency_records(licensing_clock.now) == 1
        assert host.licensing.purge_idempotency_records(licensing_clock.now) == 0
    assert host.verified(_post(host, headers=headers))["code"] == 902
    (event,) = _events(host, action="idempotency-records-purged")
    assert event.deleted == 1


def test_a_store_without_an_audit_log_works_and_one_line_says_so(
    tmp_path: Path, private_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Flask("shop")
    store = HostKeyStore(str(tmp_path / "shop.db"))
    with caplog.at_level(logging.INFO, "flask_licensing"):
        licensing = Licensing(
            app, key_store=store, private_key_source=lambda _: private_key, authenticator=lambda _: Caller("shop")
        )
    assert caplog.text.count("no audit log is kept: HostKeyStore") == 1
    with app.app_context():
        with pytest.raises(LicensingError, match="HostKeyStore keeps no audit log"):
            list(licensing.audit_log())
        with pytest.raises(LicensingError, match="HostKeyStore has no triggers for an audit log"):
            licensing.protect_audit_log()
        with suppress(IncorrectData):
            licensing.create_license_keys(["A"], product_id=1, activation_limit=0, validity=0, status="available")


def test_check_tells_how_the_audit_log_is_kept(tmp_path: Path, host: Host) -> None:
    class UnprotectedStore(MemoryKeyStore):
        def find_audit_triggers(self) -> None:
            return None

        def create_audit_triggers(self) -> None:
            raise LicensingError("There are no triggers for the audit log of UnprotectedStore.")

    stores: dict[str, KeyStore] = {
        "HostKeyStore keeps none": HostKeyStore(str(tmp_path / "shop.db")),
        "MemoryKeyStore keeps one": MemoryKeyStore(),
        "kept; whether triggers make it append-only can't be told from here": UnprotectedStore(),
    }
    for message, store in stores.items():
        app = Flask("shop")
        app.testing = True
        licensing = Licensing(app, key_store=store, authenticator=lambda _: Caller("shop"))
        with app.app_context():
            (check,) = (check for check in licensing.check() if check.name == "audit log")
            with pytest.raises(LicensingError, match="no triggers for"):
                licensing.protect_audit_log()
        assert (check.ok, check.message) == (True, message)


def test_changes_of_private_keys_are_recorded(create_host: Callable[..., Host], tmp_path: Path) -> None:
    host = create_host(private_key_source=f"file:{tmp_path / 'keys'}", private_key_refresh_seconds=0)
    with host.app.app_context():
        host.licensing.generate_private_key()
        before = host.licensing.list_private_keys()[0].key_id
        assert before is not None
        rotation = host.licensing.rotate_private_key()
        host.licensing.generate_private_key(host.product_id)
        host.licensing.retire_private_key(before)
    assert [(event.action, event.product_id, event.target) for event in _events(host, limit=4)] == [
        ("private-key-retired", None, f"private-key:{before}"),
        ("private-key-generated", host.product_id, f"private-key:product-{host.product_id}.pem"),
        ("private-key-rotated", None, f"private-key:{rotation.active.key_id}"),
        ("private-key-generated", None, "private-key:global.pem"),
    ]


def test_a_private_key_is_made_before_there_are_tables_and_the_log_says_what_is_missing(
    create_host: Callable[..., Host], database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    host = create_host(database_url, private_key_source=f"file:{tmp_path / 'keys'}")
    with host.app.app_context():
        host.db.drop_all()
        assert host.licensing.generate_private_key().exists()
    assert "private-key-generated of private-key:global.pem is not in the audit log" in caplog.text


def test_what_is_purged_may_be_many_pages(
    create_host: Callable[..., Host],
    database_url: str,
    licensing_clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flask_licensing.audit.tables.PURGE_PAGE_SIZE", 2)
    monkeypatch.setattr("flask_licensing.core.tables.PURGE_PAGE_SIZE", 2)
    host = create_host(database_url, clock=licensing_clock)
    for number in range(5):
        _post(host, license_keys=f'["{number}"]', headers={"Idempotency-Key": str(number)})
    licensing_clock.move(days=30)
    with host.app.app_context():
        assert host.licensing.purge_audit_log(licensing_clock.now) == 7
        assert host.licensing.purge_idempotency_records(licensing_clock.now) == 5
    assert [event.action for event in _events(host)] == ["idempotency-records-purged", "audit-log-purged"]
