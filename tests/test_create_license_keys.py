"""``create-license-keys`` as a client sees it: contract section 4."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from flask_licensing.hooks import LicenseKey, LicenseKeyStatus
from tests.hosts import find_license_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hosts import Host


def _stored(host: Host, license_key: str) -> LicenseKey:
    with host.app.app_context():
        found = find_license_key(host, license_key)
    assert found is not None
    return found


def test_new_keys_are_created_and_known_ones_counted(host_on_each_database: Host) -> None:
    host = host_on_each_database
    host.create(license_keys='["B"]')
    answer = host.post(host.fields(license_keys='["A", "B", "C", "C"]'))
    response = host.verified(answer)
    assert answer.status_code == 200
    assert list(response) == ["code", "message", "created", "duplicate", "timestamp"]
    assert {**response, "timestamp": 0} == {
        "code": 900,
        "message": "License keys creation result",
        "created": 2,
        "duplicate": 2,
        "timestamp": 0,
    }
    assert host.stored_license_keys() == ["A", "B", "C"]


def test_keys_that_are_all_there_already_are_code_902(host_on_each_database: Host) -> None:
    host_on_each_database.create()
    response = host_on_each_database.create()
    assert (response["code"], response["message"]) == (902, "No license keys created")
    assert (response["created"], response["duplicate"]) == (0, 1)


def test_a_key_is_unique_across_products(host: Host) -> None:
    with host.app.app_context():
        other = host.licensing.create_product("Video Editor")
    host.create()
    response = host.create(product_id=other.id)
    assert (response["code"], response["duplicate"]) == (902, 1)
    assert _stored(host, "AAAA-1111").terms.product_id == host.product_id


def test_keys_compare_exactly(host_on_each_database: Host) -> None:
    keys = ["abc", "ABC", "ábc", "a\u0301bc", "abc\u0301", "abc😀", "abc😁", "日本", "ß", "ss"]
    response = host_on_each_database.create(license_keys=json.dumps(keys))
    assert (response["created"], response["duplicate"]) == (len(keys), 0)
    assert host_on_each_database.stored_license_keys() == sorted(keys)


def test_every_field_is_stored_as_given(host_on_each_database: Host) -> None:
    host = host_on_each_database
    host.create(
        license_keys=' [" K-1 "] ',
        activation_limit=" 3 ",
        validity="365",
        status="reserved",
        owner_name=" Zoë 😀 ",
        owner_email="domain@email.ltdc",
        assigned_at="2024-01-08 00:00:00",
    )
    key = _stored(host, "K-1")
    assert key.terms.product_id == host.product_id
    assert (key.terms.activation_limit, key.terms.validity) == (3, 365)
    assert key.terms.status is LicenseKeyStatus.RESERVED
    assert (key.terms.owner_name, key.terms.owner_email) == ("Zoë 😀", "domain@email.ltdc")
    assert key.terms.assigned_at == datetime(2024, 1, 8)
    assert key.expires_at == datetime(2025, 1, 7)


def test_assigned_at_with_an_offset_is_stored_in_utc(host: Host) -> None:
    host.create(assigned_at="2024-01-08T01:30:00.5+02:00")
    assert _stored(host, "AAAA-1111").terms.assigned_at == datetime(2024, 1, 7, 23, 30)


@pytest.mark.parametrize("moment", ["1000-01-01 00:00:00", "9999-12-31 23:59:59"])
def test_the_first_and_the_last_date_are_taken(host: Host, moment: str) -> None:
    assert host.create(assigned_at=moment)["code"] == 900
    assert str(_stored(host, "AAAA-1111").terms.assigned_at) == moment


def test_an_assigned_key_without_a_date_is_assigned_at_its_creation(create_host: Callable[..., Host]) -> None:
    host = create_host(clock=lambda: datetime(2026, 5, 4, 3, 2, 1, 999))
    host.create(status="assigned", validity="1")
    key = _stored(host, "AAAA-1111")
    assert key.terms.assigned_at == datetime(2026, 5, 4, 3, 2, 1)
    assert key.expires_at == datetime(2026, 5, 5, 3, 2, 1)


def test_the_timestamp_is_the_clocks_utc(create_host: Callable[..., Host]) -> None:
    host = create_host(clock=lambda: datetime(2024, 2, 27, 2, 41, 13))
    assert host.create()["timestamp"] == 1709001673


def test_empty_optional_fields_are_absent_and_unknown_ones_ignored(host: Host) -> None:
    assert host.create(owner_name="", owner_email="  ", assigned_at="", colour="blue")["code"] == 900
    terms = _stored(host, "AAAA-1111").terms
    assert (terms.owner_name, terms.owner_email, terms.assigned_at) == (None, None, None)


@pytest.mark.parametrize("status", ["available", "assigned", "reserved", "blocked"])
def test_every_status_of_the_contract_is_taken(host: Host, status: str) -> None:
    assert host.create(status=status)["code"] == 900
    assert _stored(host, "AAAA-1111").terms.status == status


def test_multipart_and_json_bodies_are_taken(host: Host) -> None:
    headers = {"Authorization": f"Bearer {host.secret}"}
    client = host.app.test_client()
    path = "/api/v1/create-license-keys"
    multipart = client.post(
        path, data=host.fields(license_keys='["M"]'), headers=headers, content_type="multipart/form-data"
    )
    as_json = client.post(
        path,
        json=host.fields(license_keys=["J"], product_id=host.product_id, activation_limit=0, validity=0),
        headers=headers,
    )
    text_in_json = client.post(path, json=host.fields(license_keys='["T"]'), headers=headers)
    assert [host.verified(answer)["created"] for answer in (multipart, as_json, text_in_json)] == [1, 1, 1]
    assert host.stored_license_keys() == ["J", "M", "T"]


def test_the_documented_errors_of_several_fields_are_answered_together(host: Host) -> None:
    response = host.create(product_id="99", status="sold", activation_limit=None)
    assert (response["code"], response["message"]) == (901, "Incorrect data found")
    assert response["errors"] == {
        "product_id": ["The selected product id is invalid."],
        "status": ["The selected status is invalid."],
        "activation_limit": ["The activation limit field is required."],
    }
    assert list(response) == ["code", "message", "errors", "timestamp"]


def test_all_required_fields_are_named_when_none_is_sent(host: Host) -> None:
    response = host.verified(host.post({}))
    required = ["license_keys", "product_id", "activation_limit", "validity", "status"]
    assert response["errors"] == {name: [f"The {name.replace('_', ' ')} field is required."] for name in required}


def _key_rule(*positions: int) -> list[str]:
    rule = "a string of 1 to 255 characters without control characters"
    return [f"The license key at position {position} must be {rule}." for position in positions]


ARRAY = ["The license keys field must be a JSON array of strings."]
LICENSE_KEYS_REQUIRED = ["The license keys field is required."]
DATE_FORMAT = ["The assigned at field must be YYYY-MM-DD HH:MM:SS in UTC, or ISO 8601 with an offset."]
DATE_RANGE = ["The assigned at field must be a date from the year 1000 to 9999."]
NOT_TEXT = ["The owner name field must be text without control characters."]


@pytest.mark.parametrize(
    ("field", "value", "sentences"),
    [
        ("license_keys", "[]", LICENSE_KEYS_REQUIRED),
        ("license_keys", "null", ARRAY),
        ("license_keys", "AAAA", ARRAY),
        ("license_keys", '"AAAA"', ARRAY),
        ("license_keys", '{"a": 1}', ARRAY),
        ("license_keys", "[" * 100_000, ARRAY),
        ("license_keys", "[" * 100_000 + "]" * 100_000, ARRAY),
        ("license_keys", "[1" + "0" * 5000 + "]", ARRAY),
        ("license_keys", '["A", 1, null, ["B"], {"C": 1}, true]', [*_key_rule(2, 3, 4, 5, 6)]),
        ("license_keys", '["A", "", "  "]', _key_rule(2, 3)),
        ("license_keys", json.dumps(["A", "x" * 256]), _key_rule(2)),
        ("license_keys", r'["A\u0000B"]', _key_rule(1)),
        ("license_keys", r'["A\nB", "A\u007fB", "A\u0085B"]', _key_rule(1, 2, 3)),
        ("license_keys", r'["\ud800"]', _key_rule(1)),
        ("product_id", "one", ["The selected product id is invalid."]),
        ("product_id", "0", ["The selected product id is invalid."]),
        ("product_id", "-1", ["The selected product id is invalid."]),
        ("product_id", "1.0", ["The selected product id is invalid."]),
        ("product_id", "9" * 5000, ["The selected product id is invalid."]),
        ("product_id", str(2**31), ["The selected product id is invalid."]),
        ("activation_limit", "-1", ["The activation limit field must be at least 0."]),
        ("activation_limit", "1.5", ["The activation limit field must be an integer."]),
        ("activation_limit", "1_000", ["The activation limit field must be an integer."]),
        ("activation_limit", "١٢", ["The activation limit field must be an integer."]),
        ("activation_limit", "0x10", ["The activation limit field must be an integer."]),
        ("activation_limit", "1e3", ["The activation limit field must be an integer."]),
        ("activation_limit", str(2**31), ["The activation limit field must not be greater than 2147483647."]),
        ("activation_limit", "9" * 5000, ["The activation limit field must not be greater than 2147483647."]),
        ("validity", "-1", ["The validity field must be at least 0."]),
        ("validity", "3287182", ["The validity field must not be greater than 3287181."]),
        ("status", "Available", ["The selected status is invalid."]),
        ("status", "sold", ["The selected status is invalid."]),
        ("owner_name", "a\x00b", NOT_TEXT),
        ("owner_name", "x" * 256, ["The owner name field must not be longer than 255 characters."]),
        ("owner_email", "nobody", ["The owner email field must be a valid email address."]),
        ("assigned_at", "yesterday", DATE_FORMAT),
        ("assigned_at", "2024-02-30 00:00:00", DATE_FORMAT),
        ("assigned_at", "2024-01-08", DATE_FORMAT),
        ("assigned_at", "2024-01-08T00:00:00", DATE_FORMAT),
        ("assigned_at", "0999-12-31 23:59:59", DATE_RANGE),
        ("assigned_at", "0001-01-01T00:00:00+14:00", DATE_RANGE),
        ("assigned_at", "9999-12-31T23:59:59-01:00", DATE_RANGE),
        ("assigned_at", "10000-01-01 00:00:00", DATE_FORMAT),
    ],
)
def test_a_wrong_field_is_named_and_nothing_created(host: Host, field: str, value: str, sentences: list[str]) -> None:
    answer = host.post(host.fields(**{field: value}))
    response = host.verified(answer)
    assert answer.status_code == 200
    assert (response["code"], response["errors"]) == (901, {field: sentences})
    assert host.stored_license_keys() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("license_keys", {"0": "A"}),
        ("license_keys", 7),
        ("license_keys", True),
        ("license_keys", ["A\ud800"]),
        ("product_id", [1]),
        ("product_id", True),
        ("product_id", 1.0),
        ("activation_limit", 1.0),
        ("activation_limit", True),
        ("activation_limit", []),
        ("validity", {}),
        ("validity", 10**4000),
        ("status", 1),
        ("status", ["available"]),
        ("owner_name", 5),
        ("owner_name", ["A"]),
        ("owner_name", "\ud800"),
        ("owner_email", False),
        ("assigned_at", 20240108),
        ("assigned_at", ["2024-01-08 00:00:00"]),
    ],
)
def test_a_json_value_of_the_wrong_type_is_named_and_nothing_created(host: Host, field: str, value: Any) -> None:
    answer = host.app.test_client().post(
        "/api/v1/create-license-keys",
        json=host.fields(**{field: value}),
        headers={"Authorization": f"Bearer {host.secret}"},
    )
    response = host.verified(answer)
    assert answer.status_code == 200
    assert (response["code"], list(response["errors"])) == (901, [field])
    assert host.stored_license_keys() == []


def test_many_wrong_keys_are_counted_and_the_first_five_named(host: Host) -> None:
    response = host.create(license_keys=json.dumps(["A", *[""] * 9]))
    assert response["errors"]["license_keys"] == [*_key_rule(2, 3, 4, 5, 6), "9 license keys are wrong in all."]


def test_an_expiry_date_past_the_year_9999_is_refused(host: Host) -> None:
    response = host.create(assigned_at="9999-12-30 00:00:00", validity="2")
    assert response["errors"] == {"validity": ["The validity field puts the expiry date past the year 9999."]}


def test_a_field_sent_twice_is_refused(host: Host) -> None:
    body = "product_id=1&product_id=1&license_keys=[%22A%22]&activation_limit=0&validity=0&status=available"
    answer = host.app.test_client().post(
        "/api/v1/create-license-keys",
        data=body,
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": f"Bearer {host.secret}"},
    )
    assert host.verified(answer)["errors"] == {"product_id": ["The product id field must be sent only once."]}
    assert host.stored_license_keys() == []


def test_numbers_may_have_leading_zeros(host: Host) -> None:
    assert host.create(activation_limit="0" * 40 + "5")["code"] == 900
    assert _stored(host, "AAAA-1111").terms.activation_limit == 5


def test_the_longest_values_fit_on_every_database(host_on_each_database: Host) -> None:
    longest = "😀" * 255
    response = host_on_each_database.create(
        license_keys=json.dumps([longest]), owner_name=longest, activation_limit=2**31 - 1
    )
    assert response["code"] == 900
    assert host_on_each_database.stored_license_keys() == [longest]


def test_a_request_of_more_keys_than_the_limit_is_too_large(create_host: Callable[..., Host]) -> None:
    host = create_host(max_license_keys_per_request=3)
    answer = host.post(host.fields(license_keys='["A", "B", "C", "D"]'))
    assert answer.status_code == 413
    response = host.verified(answer)
    assert (response["code"], response["message"]) == (
        9413,
        "A request takes at most 3 license keys; this one has more",
    )
    assert host.create(license_keys='["A", "B", "C"]')["created"] == 3


def test_license_keys_that_look_percent_encoded_are_stored_as_sent(host: Host) -> None:
    keys = ["%22", "%2C", "%2c", "%2522", "%252C", '%"22', "%%22", "2C,%", "+", "a+b", "%C3%A9", "é,"]
    assert host.create(license_keys=json.dumps(keys))["created"] == len(keys)
    assert host.stored_license_keys() == sorted(keys)


def test_one_wrong_license_key_among_many_that_are_not_printable_is_still_found(host: Host) -> None:
    keys = ["zero\u200bwidth", "no\u00a0break", "\ue000", "a\u0085b", "fine"]
    refused = host.create(license_keys=json.dumps(keys))
    assert refused["errors"]["license_keys"] == [
        "The license key at position 4 must be a string of 1 to 255 characters without control characters."
    ]
    assert host.create(license_keys=json.dumps(keys[:3] + keys[4:]))["created"] == 4
