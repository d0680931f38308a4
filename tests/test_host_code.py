"""License keys created by host code: the same use case, in the host's own transaction where it likes."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from flask_licensing import IncorrectData, license_keys_created
from flask_licensing.hooks import TERMS, GivenTerms
from flask_licensing.license_keys.commands import create_license_keys as create_license_keys_command
from flask_licensing.license_keys.fields import LicenseKeyTermsSchema
from flask_licensing.models import LicenseKey
from tests.code_blocks import code_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from flask_licensing.hooks import CreationResult
    from tests.hosts import Host

GETTING_STARTED = Path(__file__).parent.parent / "docs" / "getting-started.md"


def _create(host: Host, *license_keys: str, **options: Any) -> CreationResult:
    terms: dict[str, Any] = {"activation_limit": 1, "validity": 365, "status": "available"}
    return host.licensing.create_license_keys(license_keys, product_id=host.product_id, **{**terms, **options})


def test_a_term_that_does_not_exist_is_refused_as_an_argument_that_does_not_exist(host: Host) -> None:
    """A misspelt “activation_limit” that was passed over would sell license keys without a limit."""
    misspelt: dict[str, Any] = {"activations_limit": 3}
    with host.app.app_context():
        for call in (
            lambda: _create(host, "K-1", **misspelt),
            lambda: host.licensing.import_license_keys(io.BytesIO(b"K-1"), **misspelt),
        ):
            with pytest.raises(TypeError, match="activations_limit: no term of license keys; these are product_id, "):
                call()
    assert host.stored_license_keys() == []


def test_a_required_term_that_is_not_given_is_named(host: Host) -> None:
    with host.app.app_context(), pytest.raises(IncorrectData) as refused:
        host.licensing.create_license_keys(["K-1"], product_id=host.product_id)
    required = ["activation_limit", "validity", "status"]
    assert refused.value.errors == {name: [f"The {name.replace('_', ' ')} field is required."] for name in required}


def test_the_terms_are_the_same_everywhere() -> None:
    """A new term is a member of the dataclass; whatever lacks it is named here."""
    options = {parameter.name for parameter in create_license_keys_command.params}
    assert [*LicenseKeyTermsSchema().fields] == [*GivenTerms.__annotations__] == [*TERMS]
    assert set(TERMS) < {attribute.key for attribute in sa.inspect(LicenseKey).column_attrs}
    assert set(TERMS) < options


@pytest.fixture
def shop(host_on_each_database: Host) -> Host:
    """A host with a table of orders."""
    db = host_on_each_database.db
    with host_on_each_database.app.app_context():
        sa.Table("orders", db.metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("sum", sa.Integer))
        db.create_all()
    return host_on_each_database


def _order(shop: Host) -> None:
    shop.db.session.execute(sa.insert(shop.db.metadata.tables["orders"]), {"id": 1, "sum": 4900})


def _rows(shop: Host) -> tuple[int, list[str]]:
    with shop.app.app_context():
        count = sa.select(sa.func.count()).select_from(shop.db.metadata.tables["orders"])
        return shop.db.session.scalar(count) or 0, shop.stored_license_keys()


def test_an_order_and_its_keys_are_both_there_after_the_commit(shop: Host) -> None:
    with shop.app.app_context():
        _order(shop)
        assert _create(shop, "K-1", "K-2", commit=False).created == 2
        shop.db.session.commit()
    assert _rows(shop) == (1, ["K-1", "K-2"])


def test_neither_the_order_nor_its_keys_are_there_after_a_rollback(shop: Host) -> None:
    with shop.app.app_context():
        _order(shop)
        assert _create(shop, "K-1", "K-2", commit=False).created == 2
        shop.db.session.rollback()
    assert _rows(shop) == (0, [])


def test_keys_of_a_savepoint_go_with_a_rollback_after_it_on_sqlite_by_the_lines_of_the_docs(shop: Host) -> None:
    (lines,) = (block for block in code_blocks(GETTING_STARTED, "python") if "isolation_level" in block)
    with shop.app.app_context():
        shop.db.engine.dispose()
        if shop.db.engine.dialect.name == "sqlite":
            exec(lines, {"app": shop.app, "db": shop.db})  # noqa: S102 - the docs' own lines
        with shop.db.session.begin_nested():
            assert _create(shop, "K-1", commit=False).created == 1
        shop.db.session.rollback()
    assert _rows(shop) == (0, [])


def test_by_default_the_keys_are_committed(shop: Host) -> None:
    with shop.app.app_context():
        result = _create(shop, "K-1", "K-1")
        shop.db.session.rollback()
    assert (result.created, result.duplicate) == (1, 1)
    assert _rows(shop) == (0, ["K-1"])


def test_dates_may_be_python_dates(host: Host) -> None:
    with host.app.app_context():
        _create(host, "AWARE", assigned_at=datetime(2024, 1, 8, 1, tzinfo=UTC))
        _create(host, "NAIVE", assigned_at=datetime(2024, 1, 8, 1))
        dates = host.db.session.scalars(sa.select(LicenseKey.assigned_at)).all()
    assert dates == [datetime(2024, 1, 8, 1)] * 2


def test_wrong_fields_raise_with_the_contracts_sentences_and_create_nothing(host: Host) -> None:
    with host.app.app_context(), pytest.raises(IncorrectData) as refused:
        _create(host, "K-1", status="sold", validity=-1)
    assert refused.value.errors == {
        "validity": ["The validity field must be at least 0."],
        "status": ["The selected status is invalid."],
    }
    assert "The selected status is invalid." in str(refused.value)
    assert host.stored_license_keys() == []


def test_the_limit_of_requests_does_not_hold_for_host_code(create_host: Callable[..., Host]) -> None:
    host = create_host(max_license_keys_per_request=1)
    with host.app.app_context():
        assert _create(host, *(f"K-{number}" for number in range(2500))).created == 2500


def _listen(received: list[dict[str, Any]]) -> Callable[..., None]:
    def receiver(sender: Flask, **payload: Any) -> None:
        received.append(payload | {"sender": sender})

    return receiver


def test_a_signal_tells_of_created_keys_after_the_commit(host: Host) -> None:
    seen_by_another_connection: list[int] = []
    received: list[dict[str, Any]] = []

    def look(sender: Flask, **_: Any) -> None:
        with host.db.engine.connect() as connection:
            seen_by_another_connection.append(
                connection.scalar(sa.select(sa.func.count()).select_from(LicenseKey.__table__)) or 0
            )

    listen = _listen(received)
    with license_keys_created.connected_to(look), license_keys_created.connected_to(listen, host.app):
        host.create(license_keys='["A", "B", "B"]')
    assert seen_by_another_connection == [2]
    assert received[0]["sender"] is host.app
    assert received[0]["batch"].license_keys == ("A", "B", "B")
    assert (received[0]["result"].created, received[0]["caller"]) == (2, "api-key:1")


def test_no_signal_is_sent_where_nothing_was_created_or_committed_here(host: Host) -> None:
    received: list[dict[str, Any]] = []
    listen = _listen(received)
    headers = {"Idempotency-Key": "order-1"}
    with license_keys_created.connected_to(listen, host.app):
        host.post(host.fields(), headers=headers)
        host.post(host.fields(), headers=headers)
        host.create()
        with host.app.app_context():
            _create(host, "JOINED", commit=False)
            host.db.session.commit()
    assert len(received) == 1


def test_host_code_that_commits_here_sends_the_signal_without_a_caller(host: Host) -> None:
    received: list[dict[str, Any]] = []
    listen = _listen(received)
    with license_keys_created.connected_to(listen, host.app), host.app.app_context():
        _create(host, "K-1")
    assert [payload["caller"] for payload in received] == [None]


def test_a_receiver_that_raises_is_logged_and_not_shown(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    def broken(sender: Flask, **_: Any) -> None:
        raise RuntimeError("the mail server is away")

    with license_keys_created.connected_to(broken, host.app):
        assert host.create()["code"] == 900
    assert "a receiver of the signal license-keys-created failed" in caplog.text
    assert "the mail server is away" in caplog.text
