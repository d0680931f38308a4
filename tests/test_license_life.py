"""Using license keys over HTTP: refusals in order, limits, transitions, and answers bound to their question."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from flask_licensing.activations.service import CONDITIONS
from flask_licensing.models import Activation, LicenseKey
from flask_licensing.testing.parts import FrozenClock
from tests.test_statements import counted_statements

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hosts import Host

KEY = "AAAA-1111"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def site(create_host: Callable[..., Host], private_key: str, clock: FrozenClock) -> Host:
    """A site whose product has a private key of its own."""
    return create_host(private_key_source=lambda _: private_key, clock=clock)


def _create(site: Host, *license_keys: str, **fields: Any) -> None:
    defaults = {"status": "assigned", "activation_limit": "2"}
    created = site.create(license_keys=json.dumps(license_keys or [KEY]), **defaults | fields)
    assert created["code"] == 900


def _ask(site: Host, endpoint: str, license_key: str = KEY, **fields: Any) -> dict[str, Any]:
    return site.ask(endpoint, license_key=license_key, **fields)


def _code(site: Host, endpoint: str, license_key: str = KEY, **fields: Any) -> int:
    return int(_ask(site, endpoint, license_key, **fields)["code"])


def _set_product(site: Host, status: str) -> None:
    with site.app.app_context():
        site.db.session.execute(sa.text("UPDATE licensing_products SET status = :status"), {"status": status})
        site.db.session.commit()


def _get(site: Host, endpoint: str, **fields: Any) -> dict[str, Any]:
    return site.verified(site.send("GET", endpoint, fields))


# The order of refusals: everything is wrong at first, and is mended from the top.


@pytest.mark.parametrize(
    ("endpoint", "end"), [("verify", [202, 200]), ("get-license-key-details", [202, 500]), ("activate", [300])]
)
def test_the_first_condition_that_does_not_hold_is_answered(
    site: Host, clock: FrozenClock, endpoint: str, end: list[int]
) -> None:
    codes = [_code(site, endpoint, identifier="")]
    _create(site, status="blocked", validity="1", assigned_at="2025-01-01 00:00:00")
    _set_product(site, "inactive")
    codes.append(_code(site, endpoint, identifier=""))
    codes.append(_code(site, endpoint, identifier="a"))
    _set_product(site, "active")
    codes.append(_code(site, endpoint, identifier="a"))
    _ask(site, "update-license-key", status="reserved")
    codes.append(_code(site, endpoint, identifier="a"))
    _ask(site, "update-license-key", status="assigned")
    codes.append(_code(site, endpoint, identifier="a"))
    _ask(site, "update-license-key", validity="0")
    codes.append(_code(site, endpoint, identifier="a"))
    if endpoint != "activate":
        _ask(site, "activate", identifier="a")
        codes.append(_code(site, endpoint, identifier="a"))
    assert codes == [210, 215, 203, 204, 201, 205, *end]


def test_the_docs_have_the_conditions_in_their_order_with_their_reasons() -> None:
    page = (Path(__file__).parents[1] / "docs" / "license-life.md").read_text()
    rows = [f"| {condition.code.number} | {condition.name} | {condition.reason} |" for condition in CONDITIONS]
    assert "\n".join(rows) in page


@pytest.mark.parametrize("sent", [{}, {"license_key": " "}, {"license_key": "x" * 256}, {"license_key": "a\x00b"}])
@pytest.mark.parametrize("endpoint", ["verify", "activate", "deactivate", "get-license-key-details"])
def test_what_can_be_no_license_key_is_answered_like_an_unknown_one(
    site: Host, endpoint: str, sent: dict[str, str]
) -> None:
    assert site.ask(endpoint, identifier="a", **sent)["code"] == 210


@pytest.mark.parametrize("identifier", [None, "", "  ", "x" * 256, "a\x00b"])
@pytest.mark.parametrize("endpoint", ["verify", "activate", "deactivate", "get-license-key-details"])
def test_what_can_be_no_identifier_is_answered_like_none(site: Host, endpoint: str, identifier: str | None) -> None:
    _create(site)
    fields = {} if identifier is None else {"identifier": identifier}
    assert _code(site, endpoint, **fields) == 215


def test_license_keys_and_identifiers_are_trimmed_and_compare_exactly(site: Host) -> None:
    _create(site, "abc")
    assert _code(site, "activate", " abc ", identifier=" x ") == 300
    assert _code(site, "verify", "abc", identifier="x") == 200
    assert _code(site, "verify", "abc", identifier="X") == 202
    assert _code(site, "verify", "ABC", identifier="x") == 210


def test_a_license_key_is_expired_from_the_instant_of_its_expiry_on(site: Host, clock: FrozenClock) -> None:
    clock.move_to(datetime(2026, 1, 1, 12))
    _create(site, validity="10")
    assert _code(site, "activate", identifier="a") == 300
    clock.move_to(datetime(2026, 1, 11, 11, 59, 59))
    assert _code(site, "verify", identifier="a") == 200
    clock.move_to(datetime(2026, 1, 11, 12))
    assert _code(site, "verify", identifier="a") == 205
    assert _code(site, "deactivate", identifier="a") == 400


# Limits


def test_the_limit_counts_active_identifiers(site: Host) -> None:
    _create(site, activation_limit="2")
    codes = [_code(site, "activate", identifier=identifier) for identifier in ("a", "b", "c", "a")]
    assert codes == [300, 300, 302, 301]
    assert _code(site, "deactivate", identifier="a") == 400
    assert [_code(site, "activate", identifier=identifier) for identifier in ("c", "a")] == [300, 302]


def test_without_a_limit_any_number_is_activated(site: Host) -> None:
    _create(site, activation_limit="0")
    assert {_code(site, "activate", identifier=f"machine-{number}") for number in range(20)} == {300}


def test_a_lowered_limit_keeps_what_is_active_and_refuses_others(site: Host) -> None:
    _create(site, activation_limit="2")
    for identifier in ("a", "b"):
        _ask(site, "activate", identifier=identifier)
    assert _code(site, "update-license-key", activation_limit="1") == 950
    assert [_code(site, "verify", identifier=identifier) for identifier in ("a", "b")] == [200, 200]
    assert _code(site, "activate", identifier="c") == 302
    _ask(site, "deactivate", identifier="a")
    assert _code(site, "activate", identifier="c") == 302


def test_what_is_not_active_can_not_be_deactivated(site: Host) -> None:
    _create(site)
    assert _code(site, "deactivate", identifier="never seen") == 401
    _ask(site, "activate", identifier="a")
    assert [_code(site, "deactivate", identifier="a") for _ in range(2)] == [400, 401]


def test_an_activation_tells_when_and_from_where(site: Host, clock: FrozenClock) -> None:
    _create(site)
    answer = site.post(
        {"license_key": KEY, "identifier": "a"}, path="/api/v1/activate", headers={"User-Agent": "x" * 300}
    )
    assert site.verified(answer)["code"] == 300
    first = clock.now
    _ask(site, "deactivate", identifier="a")
    clock.move(days=2)
    _ask(site, "activate", identifier="a")
    with site.app.app_context():
        row = site.db.session.scalars(sa.select(Activation)).one()
        assert (row.first_seen_at, row.last_seen_at, row.active) == (first, clock.now, True)
        assert row.remote_address == "127.0.0.1"
        assert str(row.user_agent).startswith("Werkzeug")


# Assigning


def test_only_available_license_keys_are_assigned(site: Host, clock: FrozenClock) -> None:
    clock.move_to(datetime(2026, 1, 2, 3, 4, 5, 600))
    for status in ("available", "assigned", "reserved", "blocked"):
        _create(site, status, status=status)
    codes = [_code(site, "assign-license-key", key) for key in ("available", "assigned", "reserved", "blocked", "none")]
    assert codes == [800, 801, 801, 801, 801]


def test_an_owner_is_free_text_and_is_assigned_now(site: Host, clock: FrozenClock) -> None:
    clock.move_to(datetime(2026, 1, 2, 3, 4, 5, 600))
    _create(site, status="available")
    assert _code(site, "assign-license-key", owner_name="Zoë", email="Not set") == 800
    (key,) = _get(site, "get-license-keys")["license_keys"]
    assert (key["owner_name"], key["owner_email"], key["status"]) == ("Zoë", "Not set", "assigned")
    assert key["assigned_at"] == "2026-01-02 03:04:05"


@pytest.mark.parametrize("field", ["owner_name", "email"])
def test_an_owner_that_is_too_long_is_malformed(site: Host, field: str) -> None:
    _create(site, status="available")
    assert _code(site, "assign-license-key", **{field: "x" * 256}) == 9400
    assert _code(site, "assign-license-key", **{field: "x" * 255}) == 800


def test_assigning_and_activating_again_by_the_same_owner_is_no_failure(site: Host) -> None:
    _create(site, status="available")
    fields = {"identifier": "a", "owner_email": "Not set", "owner_name": "Zoë"}
    endpoint = "assign-and-activate-license-key"
    assert _code(site, endpoint, **fields) == 300
    assert _code(site, endpoint, **fields) == 301
    assert _code(site, endpoint, **fields | {"owner_name": "Zoe"}) == 801
    assert _code(site, endpoint, **fields | {"identifier": "b"}) == 801


def test_nothing_is_assigned_without_an_identifier_or_of_an_inactive_product(site: Host) -> None:
    _create(site, status="available")
    endpoint = "assign-and-activate-license-key"
    assert _code(site, endpoint) == 215
    assert _code(site, endpoint, "unknown") == 215
    assert _code(site, endpoint, "unknown", identifier="a") == 801
    _set_product(site, "inactive")
    assert _code(site, endpoint, identifier="a") == 203
    assert _get(site, "get-license-keys")["license_keys"][0]["status"] == "available"


# Changing


def test_blocking_keeps_everything_and_only_refuses(site: Host) -> None:
    _create(site, validity="10", owner_name="Zoë")
    _ask(site, "activate", identifier="a")
    before = _get(site, "get-license-keys")["license_keys"]
    _ask(site, "update-license-key", status="blocked")
    assert _code(site, "verify", identifier="a") == 204
    _ask(site, "update-license-key", status="assigned")
    assert _code(site, "verify", identifier="a") == 200
    assert _get(site, "get-license-keys")["license_keys"] == before


def test_back_to_available_ends_activations_and_clears_the_owner(site: Host) -> None:
    _create(site, owner_name="Zoë", owner_email="zoe@example.org")
    _ask(site, "activate", identifier="a")
    assert _code(site, "update-license-key", status="available", owner_name="Zoë") == 950
    (key,) = _get(site, "get-license-keys")["license_keys"]
    assert (key["owner_name"], key["owner_email"], key["assigned_at"]) == (None, None, None)
    _ask(site, "assign-license-key")
    assert _code(site, "verify", identifier="a") == 202


def test_assigned_without_a_time_takes_now_and_with_one_takes_that(site: Host, clock: FrozenClock) -> None:
    _create(site, "A", "B", status="reserved")
    clock.move_to(datetime(2026, 5, 5))
    _ask(site, "update-license-key", "A", status="assigned")
    _ask(site, "update-license-key", "B", status="assigned", assigned_at="2026-01-01 00:00:00")
    times = [key["assigned_at"] for key in _get(site, "get-license-keys")["license_keys"]]
    assert times == ["2026-05-05 00:00:00", "2026-01-01 00:00:00"]


def test_what_an_update_does_not_send_stays(site: Host, clock: FrozenClock) -> None:
    _create(site, validity="10", owner_name="Zoë", owner_email="zoe@example.org")
    (before,) = _get(site, "get-license-keys")["license_keys"]
    clock.move(days=1)
    assert _code(site, "update-license-key", validity="20", owner_name="") == 950
    (after,) = _get(site, "get-license-keys")["license_keys"]
    assert after == before | {"validity": 20, "updated_at": "2026-01-02T00:00:00.000000Z"}


def test_wrong_fields_of_an_update_change_nothing(site: Host) -> None:
    _create(site, validity="1")
    (before,) = _get(site, "get-license-keys")["license_keys"]
    wrong = {"product_id": "77", "status": "sold", "activation_limit": "-1", "owner_email": "Not set"}
    answer = _ask(site, "update-license-key", validity="5", **wrong)
    assert answer["code"] == 951
    assert list(answer) == ["code", "message", "errors", "timestamp"]
    assert set(answer["errors"]) >= {"status", "activation_limit", "owner_email"}
    assert _ask(site, "update-license-key", product_id="77")["errors"] == {
        "product_id": ["The selected product id is invalid."]
    }
    assert _ask(site, "update-license-key", validity="3000000")["errors"] == {
        "validity": ["The validity field puts the expiry date past the year 9999."]
    }
    assert _get(site, "get-license-keys")["license_keys"] == [before]


def test_unknown_license_keys_are_not_updated_or_deleted(site: Host) -> None:
    assert _code(site, "update-license-key", "unknown", status="sold") == 952
    assert _code(site, "delete-license-key", "unknown") == 851
    assert site.ask("update-license-key")["code"] == 952
    assert site.ask("delete-license-key")["code"] == 851


def test_a_deleted_license_key_is_gone_with_its_activations(site: Host) -> None:
    _create(site)
    _ask(site, "activate", identifier="a")
    assert _code(site, "delete-license-key") == 850
    assert _code(site, "verify", identifier="a") == 210
    with site.app.app_context():
        assert site.db.session.scalars(sa.select(Activation)).all() == []
        assert site.db.session.scalars(sa.select(LicenseKey)).all() == []
    _create(site)
    assert _code(site, "verify", identifier="a") == 202


# Listing


def test_license_keys_are_listed_by_page_and_after_an_id(site: Host) -> None:
    _create(site, *(f"KEY-{number:02}" for number in range(25)))

    def texts(**fields: Any) -> list[str]:
        return [key["license_key"][-2:] for key in _get(site, "get-license-keys", **fields)["license_keys"]]

    assert texts() == [f"{number:02}" for number in range(10)]
    assert texts(page="3") == ["20", "21", "22", "23", "24"]
    assert texts(page="2", items_per_page="20") == ["20", "21", "22", "23", "24"]
    assert texts(page="4") == []
    last = _get(site, "get-license-keys", items_per_page="2")["license_keys"][1]["id"]
    assert texts(after=str(last), items_per_page="2") == ["02", "03"]


def test_a_listed_license_key_has_the_members_of_the_contract(site: Host) -> None:
    _create(site, status="available")
    answer = _get(site, "get-license-keys")
    assert list(answer) == ["code", "message", "license_keys", "timestamp"]
    assert answer["code"] == 730
    (key,) = answer["license_keys"]
    assert key == {
        "id": key["id"],
        "product_id": site.product_id,
        "license_key": KEY,
        "owner_name": None,
        "owner_email": None,
        "activation_limit": 2,
        "validity": 0,
        "assigned_at": None,
        "status": "available",
        "created_at": "2026-01-01T00:00:00.000000Z",
        "updated_at": "2026-01-01T00:00:00.000000Z",
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"page": "0"},
        {"items_per_page": "0"},
        {"items_per_page": "1001"},
        {"status": "sold"},
        {"after": "-1"},
        {"owner_name": "x" * 256},
    ],
)
def test_a_wrong_field_of_a_list_is_malformed(site: Host, fields: dict[str, str]) -> None:
    assert _get(site, "get-license-keys", **fields)["code"] == 9400


@pytest.mark.parametrize("product_id", ["77", "0", "x"])
@pytest.mark.parametrize("endpoint", ["get-license-keys", "get-available-license-keys-count"])
def test_a_product_that_does_not_exist_has_no_license_keys_to_list(site: Host, endpoint: str, product_id: str) -> None:
    assert _get(site, endpoint, product_id=product_id)["code"] == 740


def test_available_license_keys_are_counted(site: Host) -> None:
    _create(site, "A", "B", status="available")
    _create(site, "C", status="reserved")
    answer = _get(site, "get-available-license-keys-count", product_id=str(site.product_id))
    assert (answer["code"], answer["count"]) == (741, 2)
    assert _get(site, "get-available-license-keys-count")["code"] == 740


# What signs, and what is signed


def test_the_key_that_signs_is_the_product_s_where_the_contract_says_so(site: Host) -> None:
    def used(endpoint: str, license_key: str = KEY, **fields: str) -> tuple[int, str]:
        answer = site.post({"license_key": license_key, **fields}, path=f"/api/v1/{endpoint}")
        return site.verified(answer)["code"], json.loads(answer.data)["private_key_used"]

    _create(site, status="available", activation_limit="1")
    asked = [
        used("verify", "unknown", identifier="a"),
        used("verify"),
        used("verify", identifier="a"),
        used("assign-license-key"),
        used("assign-license-key"),
        used("activate", identifier="a"),
        used("activate", identifier="b"),
        used("get-license-key-details", identifier="a"),
        used("deactivate", identifier="a"),
        used("deactivate", identifier="a"),
        used("update-license-key", status="sold"),
        used("update-license-key", status="blocked"),
        used("update-license-key", "unknown"),
        used("delete-license-key", "unknown"),
        used("delete-license-key"),
    ]
    assert asked == [
        (210, "global"),
        (215, "product"),
        (201, "product"),
        (800, "global"),
        (801, "global"),
        (300, "product"),
        (302, "product"),
        (500, "product"),
        (400, "product"),
        (401, "product"),
        (951, "product"),
        (950, "product"),
        (952, "global"),
        (851, "global"),
        (850, "product"),
    ]
    lists = [
        site.send("GET", name, {"product_id": product_id})
        for name, product_id in (
            ("get-license-keys", str(site.product_id)),
            ("get-license-keys", "77"),
            ("get-available-license-keys-count", str(site.product_id)),
        )
    ]
    assert {json.loads(answer.data)["private_key_used"] for answer in lists} == {"global"}


@pytest.mark.parametrize("endpoint", ["verify", "activate", "deactivate", "get-license-key-details"])
def test_a_nonce_binds_the_answer_to_its_question(site: Host, endpoint: str) -> None:
    _create(site)
    _ask(site, "activate", identifier="a")
    nonce = "n/ö" * 85
    answer = site.post({"license_key": KEY, "identifier": "a", "nonce": nonce}, path=f"/api/v1/{endpoint}")
    signed = json.loads(base64.b64decode(json.loads(answer.data)["response_base64"]))
    assert list(signed)[-5:] == ["product_id", "license_key", "identifier", "nonce", "timestamp"]
    assert (signed["product_id"], signed["license_key"]) == (site.product_id, KEY)
    assert (signed["identifier"], signed["nonce"]) == ("a", nonce)
    unbound = _ask(site, endpoint, identifier="a")
    assert {"product_id", "nonce", "identifier"}.isdisjoint(unbound)


def test_the_answer_about_an_unknown_license_key_is_bound_too(site: Host) -> None:
    answer = _ask(site, "verify", "unknown", identifier="a", nonce="1")
    assert (answer["code"], answer["product_id"], answer["license_key"]) == (210, None, "unknown")


@pytest.mark.parametrize("nonce", ["x" * 256, "a\x00b"])
def test_a_nonce_that_can_not_be_repeated_is_malformed(site: Host, nonce: str) -> None:
    assert _code(site, "verify", identifier="a", nonce=nonce) == 9400


# What it costs


def test_a_verify_makes_two_queries_and_writes_nothing(host_on_each_database: Host) -> None:
    host = host_on_each_database
    _create(host)
    _ask(host, "activate", identifier="a")
    for expected in (200, 200):
        with counted_statements(host) as statements:
            assert _code(host, "verify", identifier="a") == expected
        assert [re.match(r"\w+", statement)[0] for statement in statements] == ["SELECT", "SELECT"]  # type: ignore[index]


def test_when_an_activation_was_last_seen_is_stored_once_a_day(site: Host, clock: FrozenClock) -> None:
    def last_seen() -> datetime:
        with site.app.app_context():
            return site.db.session.scalars(sa.select(Activation.last_seen_at)).one()

    _create(site)
    _ask(site, "activate", identifier="a")
    begun = clock.now
    clock.move(hours=23, minutes=59, seconds=59)
    _ask(site, "verify", identifier="a")
    assert last_seen() == begun
    clock.move(seconds=1)
    _ask(site, "verify", identifier="a")
    assert last_seen() == clock.now


@pytest.mark.parametrize(
    "fields",
    [
        {"after": "5"},
        {"product_id": "1"},
        {"product_id": "1", "status": "available"},
        {"owner_email": "zoe@example.org"},
        {"owner_name": "Zoë"},
        {"license_key": KEY},
    ],
    ids="-".join,
)
def test_a_list_reads_what_it_gives_and_not_the_table(host: Host, fields: dict[str, str]) -> None:
    with counted_statements(host) as statements:
        host.send("GET", "get-license-keys", fields)
    (statement,) = [statement for statement in statements if "FROM licensing_license_keys" in statement]
    with host.app.app_context():
        connection = host.db.session.connection()
        parameters = ("x",) * statement.count("?")
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    steps = [step.detail for step in plan if "licensing_license_keys" in step.detail]
    assert steps
    assert all(step.startswith("SEARCH") for step in steps), steps


def test_rows_of_the_site_that_refer_to_a_license_key_keep_it(
    create_host: Callable[..., Host], database_url: str
) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite keeps to no foreign key unless it is told to")
    host = create_host(database_url)
    host.create(license_keys='["SOLD"]', status="assigned")
    assert host.ask("activate", license_key="SOLD", identifier="a")["code"] == 300
    refer = "CREATE TABLE orders (key_id INTEGER, FOREIGN KEY (key_id) REFERENCES licensing_license_keys (id))"
    with host.app.app_context(), host.db.engine.begin() as connection:
        connection.exec_driver_sql(refer)
        connection.exec_driver_sql("INSERT INTO orders SELECT id FROM licensing_license_keys")
    refused = host.send("POST", "delete-license-key", {"license_key": "SOLD"})
    assert (refused.status_code, host.verified(refused)["code"]) == (409, 9409)
    assert host.ask("verify", license_key="SOLD", identifier="a")["code"] == 200
    with host.app.app_context(), host.db.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE orders")
    assert host.ask("delete-license-key", license_key="SOLD")["code"] == 850
