"""Metadata over HTTP, as methods and as commands: refusals in order, values as they were sent, races and costs."""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from flask_licensing.core.metadata import MetadataOwner
from flask_licensing.errors import IncorrectData, UnknownLicenseKey
from flask_licensing.models import MetadataRow
from flask_licensing.signals import metadata_changed
from flask_licensing.testing.parts import FrozenClock
from tests.test_statements import counted_statements

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hosts import Host

KEY = "AAAA-1111"
OF_LICENSE_KEY = ["create-license-key-meta", "update-license-key-meta", "delete-license-key-meta"]
OF_PRODUCT = ["create-product-meta", "update-product-meta", "delete-product-meta"]
NO_VALUE = "The value field must be text or a JSON value, with integers of up to 64 bits."
WHO = {"license_key": KEY, "identifier": "a"}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def site(create_host: Callable[..., Host], private_key: str, clock: FrozenClock) -> Host:
    """A site with a license key that is valid for the identifier ``a``, and private keys of products."""
    host = create_host(private_key_source=lambda _: private_key, clock=clock)
    _sell(host)
    return host


def _sell(host: Host, license_key: str = KEY) -> None:
    created = host.create(license_keys=json.dumps([license_key]), status="assigned")
    assert created["code"] == 900
    assert host.ask("activate", license_key=license_key, identifier="a")["code"] == 300


def _codes(site: Host, *asked: tuple[str, dict[str, str]]) -> list[int]:
    return [site.ask(endpoint, **fields)["code"] for endpoint, fields in asked]


def _details(site: Host) -> dict[str, Any]:
    return site.ask("get-license-key-details", **WHO)


def _send_json(site: Host, endpoint: str, body: Any) -> dict[str, Any]:
    data = body if isinstance(body, str) else json.dumps(body)
    headers = {"Authorization": f"Bearer {site.secret}", "Content-Type": "application/json"}
    return site.verified(site.app.test_client().post(f"/api/v1/{endpoint}", data=data, headers=headers))


def _with_value(site: Host, value: str) -> str:
    """Return the JSON body of a request with a value, as JSON."""
    who = f'"license_key": "{KEY}", "identifier": "a", "product_id": {site.product_id}'
    return f'{{{who}, "key": "k", "value": {value}}}'


# The order of refusals, and every code with its message


@pytest.mark.parametrize("endpoint", OF_LICENSE_KEY)
def test_a_license_key_is_refused_as_verify_does_before_its_metadata_is_looked_at(
    create_host: Callable[..., Host], clock: FrozenClock, endpoint: str
) -> None:
    site = create_host(clock=clock)
    codes = [site.ask(endpoint)["code"], site.ask(endpoint, **WHO)["code"]]
    site.create(license_keys=json.dumps([KEY]), status="blocked", validity="1", assigned_at="2025-01-01 00:00:00")
    site.ask("update-product", product_id=str(site.product_id), status="inactive")
    codes.append(site.ask(endpoint, license_key=KEY, identifier=" ")["code"])
    codes.append(site.ask(endpoint, **WHO)["code"])
    site.ask("update-product", product_id=str(site.product_id), status="active")
    codes.append(site.ask(endpoint, **WHO)["code"])
    site.ask("update-license-key", license_key=KEY, status="reserved")
    codes.append(site.ask(endpoint, **WHO)["code"])
    site.ask("update-license-key", license_key=KEY, status="assigned")
    codes.append(site.ask(endpoint, **WHO)["code"])
    site.ask("update-license-key", license_key=KEY, validity="0")
    codes.append(site.ask(endpoint, **WHO)["code"])
    assert codes == [210, 210, 215, 203, 204, 201, 205, 202]


def test_the_answers_about_a_license_keys_metadata_are_those_of_the_contract(site: Host) -> None:
    def ask(endpoint: str, **fields: str) -> tuple[Any, ...]:
        answer = json.loads(site.send("POST", endpoint, WHO | fields).data)
        assert answer["private_key_used"] == "product"
        return tuple(value for name, value in answer["response"].items() if name != "timestamp")

    create, update, delete = OF_LICENSE_KEY
    assert ask(create) == ask(create, value="v") == (450, "Meta key is required")
    assert ask(create, key="k") == (451, "Meta value is required")
    assert ask(update, value="v") == (350, "Meta key is required")
    assert ask(update, key="k") == (351, "Meta value is required")
    assert ask(update, key="k", value="v") == (352, "Meta key doesn't exist")
    assert ask(delete) == (250, "Meta key is required")
    assert ask(delete, key="k") == (251, "Meta key doesn't exist")
    code, message, meta_id = ask(create, key="k", value="v")
    assert (code, message, type(meta_id)) == (453, "Metadata created", int)
    assert ask(create, key="k") == (451, "Meta value is required")
    assert ask(create, key="k", value="w") == (452, "Meta key already exists")
    assert _details(site)["licenseKey"]["meta_data"] == [{"key": "k", "value": "v"}]
    assert ask(update, key="k", value="w") == (353, "Metadata updated", meta_id)
    assert ask(update, key="k", value="w") == (353, "Metadata updated", meta_id)
    assert _details(site)["licenseKey"]["meta_data"] == [{"key": "k", "value": "w"}]
    assert ask(delete, key="k") == (252, "Metadata deleted")
    assert ask(delete, key="k") == (251, "Meta key doesn't exist")
    assert _details(site)["licenseKey"]["meta_data"] == []


def test_the_answers_about_a_products_metadata_are_those_of_the_contract(site: Host) -> None:
    def ask(endpoint: str, used: str = "product", **fields: str) -> tuple[Any, ...]:
        answer = json.loads(site.send("POST", endpoint, {"product_id": str(site.product_id)} | fields).data)
        assert answer["private_key_used"] == used
        return tuple(value for name, value in answer["response"].items() if name != "timestamp")

    create, update, delete = OF_PRODUCT
    for product_id in ("", "77", "0", "x"):
        codes = [ask(endpoint, "global", product_id=product_id) for endpoint in OF_PRODUCT]
        assert codes == [(274, "Product not found"), (374, "Product not found"), (483, "Product not found")]
    assert ask(create, value="v") == (270, "Meta key is required")
    assert ask(create, key="k") == (271, "Meta value is required")
    assert ask(update, value="v") == (370, "Meta key is required")
    assert ask(update, key="k") == (371, "Meta value is required")
    assert ask(update, key="k", value="v") == (372, "Meta key doesn't exists")
    assert ask(delete) == (480, "Meta key is required")
    assert ask(delete, key="k") == (481, "Meta key doesn't exist")
    assert ask(create, key="k", value="v") == (273, "Product meta created")
    assert ask(create, key="k", value="w") == (272, "Meta key already exists")
    assert ask(update, key="k", value="w") == (373, "Product meta updated")
    assert _details(site)["product"]["meta_data"] == [{"key": "k", "value": "w"}]
    assert ask(delete, key="k") == (482, "Product meta deleted")
    assert ask(delete, key="k") == (481, "Meta key doesn't exist")


def test_a_product_that_is_inactive_keeps_its_metadata_and_refuses_that_of_its_license_keys(site: Host) -> None:
    product_id = str(site.product_id)
    site.ask("update-product", product_id=product_id, status="inactive")
    assert site.ask("create-product-meta", product_id=product_id, key="k", value="v")["code"] == 273
    assert site.ask("create-license-key-meta", **WHO, key="k", value="v")["code"] == 203


# Values and keys


VALUES = [
    '"text"',
    '"  white\\nspace "',
    '"5"',
    "5",
    "0",
    "false",
    "true",
    "1.5",
    "[]",
    "{}",
    '{"z":[1,null,{"a":"é/\\\\"}],"a":""}',
    '"null"',
    "-9223372036854775808",
]


@pytest.mark.parametrize("value", VALUES)
def test_a_json_value_is_given_back_as_it_was_sent(site: Host, value: str) -> None:
    body = _with_value(site, value)
    assert _send_json(site, "create-license-key-meta", body)["code"] == 453
    assert _send_json(site, "create-product-meta", body)["code"] == 273
    details = _details(site)
    for record in (details["licenseKey"], details["product"]):
        (shown,) = record["meta_data"]
        assert list(shown) == ["key", "value"]
        assert json.dumps(shown["value"]) == json.dumps(json.loads(value))


@pytest.mark.parametrize("value", ['{"a":1}', "5", "true", "null", " a\r\nb\t", "[1,"])
def test_a_text_of_a_form_stays_text_to_the_character(site: Host, value: str) -> None:
    assert site.ask("create-license-key-meta", **WHO, key="k", value=value)["code"] == 453
    assert _details(site)["licenseKey"]["meta_data"] == [{"key": "k", "value": value}]


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_nothing_null_and_white_space_are_no_value(site: Host, value: str | None) -> None:
    body = {**WHO, "product_id": site.product_id, "key": "k", "value": value}
    codes = [_send_json(site, name, body)["code"] for name in (*OF_LICENSE_KEY[:2], *OF_PRODUCT[:2])]
    assert codes == [451, 351, 271, 371]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ('"\\ud800"', NO_VALUE),
        ("1e999", NO_VALUE),
        ("[9223372036854775808]", NO_VALUE),
        ('{"a": 1, "a": 2}', NO_VALUE),
        (json.dumps("x" * 15_999), "The value field must not be longer than 16000 characters as JSON."),
    ],
)
def test_a_value_that_can_not_be_kept_is_malformed(site: Host, value: str, sentence: str) -> None:
    body = _with_value(site, value)
    for endpoint in (*OF_LICENSE_KEY[:2], *OF_PRODUCT[:2]):
        answer = _send_json(site, endpoint, body)
        assert (answer["code"], answer["message"]) == (9400, sentence)
    unknown = body.replace(KEY, "unknown")
    assert _send_json(site, "create-license-key-meta", unknown)["code"] == 210


def test_the_longest_value_is_kept(host_on_each_database: Host) -> None:
    _sell(host_on_each_database)
    value = "😀" * 15_998
    assert host_on_each_database.ask("create-license-key-meta", **WHO, key="k", value=value)["code"] == 453
    assert _details(host_on_each_database)["licenseKey"]["meta_data"] == [{"key": "k", "value": value}]


def test_an_array_of_thousands_is_a_value_too(site: Host) -> None:
    body = {**WHO, "key": "k", "value": [0] * 7_000}
    assert _send_json(site, "create-license-key-meta", body)["code"] == 453
    assert _details(site)["licenseKey"]["meta_data"] == [{"key": "k", "value": [0] * 7_000}]


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("x" * 256, "The key field must not be longer than 255 characters."),
        ("a\tb", "The key field must be text without control characters."),
    ],
)
def test_a_key_that_can_not_be_kept_is_malformed(site: Host, key: str, sentence: str) -> None:
    for endpoint in (*OF_LICENSE_KEY, *OF_PRODUCT):
        answer = site.ask(endpoint, **WHO, product_id=str(site.product_id), key=key, value="v")
        assert (answer["code"], answer["message"]) == (9400, sentence)


def test_keys_are_trimmed_and_compare_exactly(host_on_each_database: Host) -> None:
    site = host_on_each_database
    _sell(site)
    assert site.ask("create-license-key-meta", **WHO, key=" abc ", value="1")["code"] == 453
    assert site.ask("create-license-key-meta", **WHO, key="ABC", value="2")["code"] == 453
    assert site.ask("create-license-key-meta", **WHO, key="abc", value="3")["code"] == 452
    assert site.ask("update-license-key-meta", **WHO, key="äbc", value="3")["code"] == 352
    assert site.ask("delete-license-key-meta", **WHO, key="abC")["code"] == 251
    assert site.ask("create-license-key-meta", **WHO, key="x" * 255, value="3")["code"] == 453
    assert [shown["key"] for shown in _details(site)["licenseKey"]["meta_data"]] == ["abc", "ABC", "x" * 255]


# What lists it, what keeps it and what takes it along


def test_every_product_is_listed_with_its_own_metadata(site: Host) -> None:
    other = str(site.ask("create-product", name="A", description="B")["product_id"])
    site.ask("create-product", name="C", description="D")
    for product_id, key in ((str(site.product_id), "z"), (other, "b"), (other, "a")):
        site.ask("create-product-meta", product_id=product_id, key=key, value=f"{key} of {product_id}")
    listed = site.verified(site.send("GET", "get-all-products", {}))["products"]
    assert [product["meta_data"] for product in listed] == [
        [{"key": "z", "value": f"z of {site.product_id}"}],
        [{"key": "b", "value": f"b of {other}"}, {"key": "a", "value": f"a of {other}"}],
        [],
    ]


def test_a_replaced_and_changed_license_key_keeps_its_metadata_and_a_deleted_one_does_not(
    host_on_each_database: Host,
) -> None:
    site = host_on_each_database
    _sell(site)
    site.ask("create-license-key-meta", **WHO, key="k", value="v")
    with site.app.app_context():
        site.licensing.replace_license_key(KEY, "BBBB-2222")
        site.licensing.update_license_key("BBBB-2222", validity=5)
        assert [kept.value for kept in site.licensing.list_license_key_meta(" BBBB-2222 ")] == ["v"]
        assert site.licensing.delete_license_key("BBBB-2222")
        assert site.db.session.scalars(sa.select(MetadataRow.id)).all() == []
        with pytest.raises(UnknownLicenseKey):
            site.licensing.list_license_key_meta("BBBB-2222")
    _sell(site)
    assert _details(site)["licenseKey"]["meta_data"] == []


def test_a_deleted_product_takes_its_metadata_along(host_on_each_database: Host) -> None:
    site = host_on_each_database
    product_id = str(site.ask("create-product", name="A", description="B")["product_id"])
    site.ask("create-product-meta", product_id=product_id, key="k", value="v")
    site.ask("create-product-meta", product_id=str(site.product_id), key="k", value="stays")
    assert site.ask("delete-product", product_id=product_id)["code"] == 550
    with site.app.app_context():
        assert site.db.session.scalars(sa.select(MetadataRow.meta_value)).all() == ['"stays"']


def test_a_product_that_stays_keeps_its_metadata(host_on_each_database: Host) -> None:
    site = host_on_each_database
    site.create()
    site.ask("create-product-meta", product_id=str(site.product_id), key="k", value="v")
    assert site.ask("delete-product", product_id=str(site.product_id))["code"] == 9409
    with site.app.app_context():
        assert [kept.value for kept in site.licensing.list_product_meta(site.product_id)] == ["v"]


# At once


def test_of_creations_of_one_key_at_once_one_succeeds(host_on_each_database: Host) -> None:
    host = host_on_each_database
    _sell(host)
    of_product = {"product_id": str(host.product_id)}
    for number in range(4):
        for endpoint, owner, expected in (
            ("create-license-key-meta", WHO, [452, 453]),
            ("create-product-meta", of_product, [272, 273]),
        ):
            start = threading.Barrier(2)
            fields = {**owner, "key": f"k{number}", "value": "v"}

            def at_once(
                _: int, endpoint: str = endpoint, fields: Any = fields, start: threading.Barrier = start
            ) -> int:
                start.wait()
                return int(host.ask(endpoint, **fields)["code"])

            with ThreadPoolExecutor(2) as pool:
                assert sorted(pool.map(at_once, range(2))) == expected


# What it costs, and what is told of it


def test_details_read_metadata_in_two_more_statements_and_verify_in_none(host_on_each_database: Host) -> None:
    site = host_on_each_database
    _sell(site)
    for key in "abc":
        site.ask("create-license-key-meta", **WHO, key=key, value="v")
    with counted_statements(site) as of_verify:
        assert site.ask("verify", **WHO)["code"] == 200
    with counted_statements(site) as of_details:
        assert len(_details(site)["licenseKey"]["meta_data"]) == 3
    verbs = [[re.match(r"\w+", statement)[0] for statement in asked] for asked in (of_verify, of_details)]  # type: ignore[index]
    assert verbs == [["SELECT"] * 2, ["SELECT"] * 4]


def test_products_are_listed_with_their_metadata_in_two_statements(site: Host) -> None:
    site.ask("create-product-meta", product_id=str(site.product_id), key="k", value="v")
    with counted_statements(site) as statements:
        site.send("GET", "get-all-products", {})
    assert len(statements) == 3, statements


def test_changes_are_recorded_and_told_and_refusals_are_not(site: Host) -> None:
    told: list[tuple[str, MetadataOwner, str]] = []

    def receive(_: object, *, action: str, owner: MetadataOwner, owner_id: int, key: str) -> None:
        assert owner_id == 1
        told.append((action, owner, key))

    with metadata_changed.connected_to(receive), site.app.app_context():
        licensing = site.licensing
        numbers = [
            licensing.create_license_key_meta(KEY, "a", "k", {"a": 1}).code.number,
            licensing.create_license_key_meta(KEY, "a", "k", 1).code.number,
            licensing.update_license_key_meta(KEY, "a", "k", [2]).code.number,
            licensing.update_license_key_meta(KEY, "b", "k", [3]).code.number,
            licensing.delete_license_key_meta(KEY, "a", "k").code.number,
            licensing.create_product_meta(site.product_id, "k", False).code.number,
            licensing.update_product_meta(site.product_id, "k", True).code.number,
            licensing.update_product_meta(site.product_id, "K", True).code.number,
            licensing.delete_product_meta(site.product_id, "k").code.number,
            licensing.delete_product_meta(77, "k").code.number,
        ]
        with pytest.raises(IncorrectData, match="must be text or a JSON value"):
            licensing.create_product_meta(site.product_id, "k", object())
        recorded = [(one.event.action, one.event.product_id, one.event.target) for one in licensing.audit_log(limit=6)]
    assert numbers == [453, 452, 353, 202, 252, 273, 373, 372, 482, 483]
    actions = [
        f"{owner}-meta-{done}" for owner in ("license-key", "product") for done in ("created", "updated", "deleted")
    ]
    assert told == [(action, MetadataOwner(action.partition("-meta")[0]), "k") for action in actions]
    targets = ["license-key:1"] * 3 + [None] * 3
    assert recorded[::-1] == [
        (action, site.product_id, target) for action, target in zip(actions, targets, strict=True)
    ]


def test_metadata_can_be_part_of_the_hosts_own_transaction(site: Host) -> None:
    with site.app.app_context():
        assert site.licensing.create_license_key_meta(KEY, "a", "k", 1, commit=False).code.number == 453
        assert site.licensing.create_product_meta(site.product_id, "k", 1, commit=False).code.number == 273
        site.db.session.rollback()
        assert list(site.licensing.list_license_key_meta(KEY)) == []
        assert list(site.licensing.list_product_meta(site.product_id)) == []


def test_the_same_request_with_an_idempotency_key_is_answered_alike_and_another_value_is_refused(site: Host) -> None:
    def send(value: Any) -> Any:
        headers = {"Authorization": f"Bearer {site.secret}", "Idempotency-Key": "1"}
        body = {**WHO, "key": "k", "value": value}
        return site.app.test_client().post("/api/v1/create-license-key-meta", json=body, headers=headers)

    first, again, other = send({"a": [1]}), send({"a": [1]}), send({"a": [2]})
    assert site.verified(first)["code"] == 453
    assert first.data == again.data
    assert site.verified(other)["code"] == 9409


def test_commands_do_what_the_methods_do(site: Host) -> None:
    def run(*arguments: str, exit_code: int = 0) -> str:
        result = site.app.test_cli_runner().invoke(args=["licensing", *arguments])
        assert result.exit_code == exit_code, result.output
        return result.stdout

    who, product_id = (KEY, "a"), str(site.product_id)
    assert run("create-license-key-meta", *who, "k", "5") == "453 Metadata created\n"
    assert run("create-license-key-meta", *who, "k", "5", exit_code=1) == "452 Meta key already exists\n"
    assert run("list-license-key-meta", KEY) == 'k\t"5"\n'
    assert json.loads(run("update-license-key-meta", *who, "k", "[5]", "--json-value", "--json"))["code"] == 353
    assert json.loads(run("list-license-key-meta", KEY, "--json"))[0]["value"] == [5]
    assert run("delete-license-key-meta", *who, "k") == "252 Metadata deleted\n"
    assert run("delete-license-key-meta", *who, "k", exit_code=1) == "251 Meta key doesn't exist\n"
    assert run("create-product-meta", product_id, "k", "true", "--json-value") == "273 Product meta created\n"
    assert run("list-product-meta", product_id) == "k\ttrue\n"
    assert run("update-product-meta", product_id, "k", "true") == "373 Product meta updated\n"
    assert run("list-product-meta", product_id) == 'k\t"true"\n'
    assert json.loads(run("delete-product-meta", product_id, "k", "--json"))["code"] == 482
    assert json.loads(run("delete-product-meta", "77", "k", "--json", exit_code=1))["code"] == 483
    wrong = site.app.test_cli_runner().invoke(args=["licensing", "create-product-meta", "1", "k", "{", "--json-value"])
    assert (wrong.exit_code, "not JSON" in wrong.stderr) == (2, True)


def test_that_a_license_key_was_seen_is_stored_as_for_verify(site: Host, clock: FrozenClock) -> None:
    clock.move_to(datetime(2026, 2, 1))
    assert site.ask("create-license-key-meta", **WHO, key="k", value="v")["code"] == 453
    with site.app.app_context():
        (activation,) = site.licensing.list_activations(KEY)
    assert activation.last_seen_at == clock.now
