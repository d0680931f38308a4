"""What any feature and its endpoints get from the kernel, shown with one that is thrown away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import click
import pytest
from marshmallow import Schema, fields

from flask_licensing.core.cli import command
from flask_licensing.core.fields import RecordId, RequestSchema, Text, WholeNumber
from flask_licensing.errors import Code, ConfigurationError, IncorrectData
from flask_licensing.features import FEATURES
from flask_licensing.http.answers import Outcome
from flask_licensing.http.endpoint import Endpoint
from flask_licensing.http.feature import Feature
from flask_licensing.stores.memory import MemoryKeyStore
from tests.key_pairs import key_pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from flask_licensing.core.domain import Caller
    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.work import Work
    from tests.hosts import Host

FOUND = Code(730, "Parcels")
WRONG_QUERY = Code(731, "Incorrect data found")
SENT = Code(650, "Parcel sent", signed_for_product=True)
WRONG_PARCEL = Code(651, "Incorrect data found", signed_for_product=True)
GLOBAL, PRODUCT = key_pairs(2)


class _ParcelSchema(RequestSchema):
    product_id = RecordId(required=True)
    owner = Text(load_default=None)
    items = WholeNumber(load_default=1, minimum=1)


class _FoundSchema(Schema):
    found = fields.Dict(required=True)


def _checked(sent: LoadedFields) -> dict[str, Any]:
    if sent.errors:
        raise IncorrectData(sent.errors, product_id=sent.readable.get("product_id"))
    return dict(sent.value)


def _find(work: Work, caller: Caller, sent: LoadedFields) -> Outcome:
    value = _checked(sent)
    return Outcome.of(FOUND, {"found": value}, product_id=value["product_id"])


def _send(work: Work, caller: Caller, sent: LoadedFields) -> Outcome:
    value = _checked(sent)
    work.record("parcel-sent", product_id=value["product_id"])
    return Outcome.of(SENT, {"found": value}, product_id=value["product_id"])


def _weigh(work: Work, caller: Caller, sent: LoadedFields) -> Outcome:
    return Outcome.of(SENT, {"found": _checked(sent)})


FIND = Endpoint(
    name="find-parcels",
    method="GET",
    handle=_find,
    summary="Find parcels.",
    request_schema=lambda _: _ParcelSchema(),
    outcomes={FOUND: _FoundSchema},
    incorrect_data=WRONG_QUERY,
)
SEND = Endpoint(
    name="send-parcel",
    method="POST",
    handle=_send,
    summary="Send a parcel.",
    request_schema=lambda _: _ParcelSchema(),
    outcomes={SENT: _FoundSchema},
    incorrect_data=WRONG_PARCEL,
)
WEIGH = Endpoint(
    name="weigh-parcel",
    method="POST",
    handle=_weigh,
    summary="Weigh a parcel.",
    request_schema=lambda _: _ParcelSchema(),
    outcomes={SENT: _FoundSchema},
)


class ParcelStore(Protocol):
    def count_parcels(self) -> int: ...

    def find_parcel(self, number: int) -> str | None: ...


COUNT = Endpoint(
    name="count-parcels",
    method="GET",
    handle=_find,
    summary="Count parcels.",
    request_schema=lambda _: _ParcelSchema(),
    outcomes={FOUND: _FoundSchema},
    needs=(ParcelStore,),
)


@command("pack-parcel")
def pack_parcel() -> None:
    """Pack a parcel."""
    click.echo("packed")


PARCELS = Feature(
    groups=(ParcelStore,),
    endpoints=(FIND, SEND, WEIGH, COUNT),
    commands=(pack_parcel,),
    checks={"parcels": lambda _: (True, "none is lost")},
    audit_actions=("parcel-sent",),
)


@pytest.fixture
def parcels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_licensing.extension.FEATURES", (*FEATURES, PARCELS))


@pytest.fixture
def host(create_host: Callable[..., Host], parcels: None) -> Host:
    """A host with this feature, whose product 1 has a private key of its own."""
    made = create_host(private_key_source={1: PRODUCT.private, None: GLOBAL.private}.get)
    made.public_key = GLOBAL.public_pem + PRODUCT.public_pem
    return made


def _get(host: Host, query: str | dict[str, str], **options: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {host.secret}"} | options.pop("headers", {})
    return host.app.test_client().get("/api/v1/find-parcels", query_string=query, headers=headers, **options)


def _post(host: Host, sent: dict[str, Any], name: str = "send-parcel", **headers: str) -> TestResponse:
    return host.post(sent, path=f"/api/v1/{name}", headers=headers)


def test_a_get_has_its_fields_in_the_query_trimmed_without_empty_and_unknown_ones(host: Host) -> None:
    response = host.verified(_get(host, "product_id=1&owner=+Zo%C3%AB%20&items=&unknown=x"))
    assert (response["code"], response["found"]) == (730, {"product_id": 1, "owner": "Zoë", "items": 1})


def test_a_post_has_its_fields_in_the_body_and_none_in_the_query(host: Host) -> None:
    answer = host.post({"product_id": "1", "owner": ""}, path="/api/v1/send-parcel?items=7")
    assert host.verified(answer)["found"] == {"product_id": 1, "owner": None, "items": 1}


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "multipart/form-data"])
@pytest.mark.parametrize("body", [b"", b"{"])
def test_a_get_minds_no_media_type_and_no_body(host: Host, media_type: str, body: bytes) -> None:
    assert host.verified(_get(host, "product_id=1", content_type=media_type, data=body))["code"] == 730


def test_the_api_key_of_a_get_may_be_in_the_query_and_the_header_wins(host: Host) -> None:
    query = {"product_id": "1", "api_key": host.secret}
    for headers, code in (({"Authorization": ""}, 730), ({}, 730), ({"Authorization": "Bearer wrong"}, 100)):
        assert host.verified(_get(host, query, headers=headers))["code"] == code
    wrong_in_query = {"product_id": "1", "api_key": "wrong"}
    assert host.verified(_get(host, wrong_in_query))["code"] == 730
    assert host.verified(_get(host, wrong_in_query, headers={"Authorization": ""}))["code"] == 100


@pytest.mark.parametrize("query", ["owner=%ff", "&".join(["a=1"] * 1001)])
def test_a_query_that_can_not_be_read_is_malformed_once_the_caller_is_let_in(host: Host, query: str) -> None:
    answer = _get(host, query)
    assert (answer.status_code, host.verified(answer)["code"]) == (400, 9400)
    assert host.verified(_get(host, query, headers={"Authorization": "Bearer wrong"}))["code"] == 100


def test_each_endpoint_has_a_code_of_its_own_for_incorrect_data(host: Host) -> None:
    wrong = {"product_id": ["The product id field is required."], "items": ["The items field must be an integer."]}
    for answer, code in ((_get(host, "items=x"), 731), (_post(host, {"items": "x"}), 651)):
        response = host.verified(answer)
        assert (answer.status_code, response["code"], response["errors"]) == (200, code, wrong)
        assert list(response) == ["code", "message", "errors", "timestamp"]


def test_incorrect_data_is_malformed_where_an_endpoint_has_no_code_for_it(host: Host) -> None:
    answer = _post(host, {"items": "0", "product_id": "1"}, "weigh-parcel")
    response = host.verified(answer)
    assert (answer.status_code, response["code"]) == (400, 9400)
    assert response["message"] == "The items field must be at least 1."


def test_a_field_sent_twice_is_wrong_in_a_query_as_in_a_form(host: Host) -> None:
    response = host.verified(_get(host, "product_id=1&owner=a&owner=b"))
    assert (response["code"], response["errors"]) == (731, {"owner": ["The owner field must be sent only once."]})


@pytest.mark.parametrize(
    ("product_id", "used"), [("1", {"find": "global", "send": "product"}), ("2", {"find": "global", "send": "global"})]
)
def test_the_code_says_whether_a_product_signs(host: Host, product_id: str, used: dict[str, str]) -> None:
    sent = {"product_id": product_id}
    answers = {"find": _get(host, sent), "send": _post(host, sent), "wrong": _post(host, sent | {"items": "x"})}
    used = used | {"wrong": used["send"]}
    assert {name: json.loads(answer.data)["private_key_used"] for name, answer in answers.items()} == used
    assert all(host.verified(answer) for answer in answers.values())


def test_codes_with_equal_numbers_are_two() -> None:
    first, second = Code(651, "Incorrect data found"), Code(651, "Incorrect data found")
    assert first != second
    assert len({first: "a", second: "b"}) == 2


def test_the_name_of_an_endpoint_is_its_capability(host: Host) -> None:
    with host.app.app_context():
        secret = host.licensing.create_api_key("finds", capabilities=["find-parcels"]).secret
        with pytest.raises(
            IncorrectData, match=r"There are: .*create-license-keys, .*find-parcels, .*send-parcel, .*weigh-parcel"
        ):
            host.licensing.create_api_key("wrong", capabilities=["count-parcels"])
    authorization = {"Authorization": f"Bearer {secret}"}
    assert host.verified(_get(host, "product_id=1", headers=authorization))["code"] == 730
    assert host.verified(_post(host, {"product_id": "1"}, **authorization))["code"] == 102


def test_an_idempotency_key_repeats_the_answer_of_any_endpoint(host: Host) -> None:
    once = {"Idempotency-Key": "once"}
    found = [_get(host, "product_id=1", headers=once), _get(host, {"product_id": " 1 "}, headers=once)]
    sent = [_post(host, {"product_id": "1"}, **once), _post(host, {"product_id": "1"}, **once)]
    for first, second in (found, sent):
        assert (first.status_code, first.data) == (200, second.data)
    with host.app.app_context():
        assert [record.event.action for record in host.licensing.audit_log()].count("parcel-sent") == 1


@pytest.mark.parametrize(
    ("method", "name", "allowed"), [("POST", "find-parcels", "GET"), ("GET", "send-parcel", "POST")]
)
def test_another_method_is_refused_and_the_answer_names_the_right_one(
    host: Host, method: str, name: str, allowed: str
) -> None:
    answer = host.app.test_client().open(f"/api/v1/{name}", method=method)
    assert (answer.status_code, host.verified(answer)["code"], answer.headers["Allow"]) == (
        405,
        9405,
        f"OPTIONS, {allowed}",
    )


def test_a_json_body_has_only_the_array_that_its_endpoint_takes(host: Host) -> None:
    headers = {"Authorization": f"Bearer {host.secret}"}
    for values, status in ((900, 200), (1100, 413)):
        sent = {"product_id": 1, "unknown": [1] * values}
        answer = host.app.test_client().post("/api/v1/send-parcel", json=sent, headers=headers)
        assert answer.status_code == status


def test_a_get_is_described_with_query_parameters_and_no_body(host: Host) -> None:
    pytest.importorskip("apispec", reason="needs apispec: pip install apispec")
    with host.app.app_context():
        paths = host.licensing.openapi()["paths"]
    find, send = paths["/find-parcels"]["get"], paths["/send-parcel"]["post"]
    assert "requestBody" not in find
    in_query = {p["name"]: (p.get("required", False), p["schema"]) for p in find["parameters"] if p["in"] == "query"}
    assert in_query.keys() == {"product_id", "owner", "items", "api_key"}
    assert in_query["product_id"] == (True, {"type": "integer", "minimum": 1, "maximum": 2147483647})
    assert (in_query["items"][0], in_query["items"][1]["type"]) == (False, "integer")
    assert not [p for p in send["parameters"] if p["in"] == "query"]
    assert "requestBody" in send
    for operation, codes in ((find, {730, 731}), (send, {650, 651})):
        described = json.dumps(operation["responses"]["200"])
        assert all(f'{{"const": {code}}}' in described for code in codes)


def test_a_feature_brings_its_commands_checks_and_audit_actions(host: Host) -> None:
    run = host.app.test_cli_runner().invoke
    assert run(args=["licensing", "pack-parcel"]).output == "packed\n"
    assert "parcels: none is lost" in run(args=["licensing", "check"]).output
    assert host.verified(_post(host, {"product_id": "1"}))["code"] == 650
    assert run(args=["licensing", "audit-log", "--action", "parcel-sent"]).output.count("parcel-sent") == 1
    assert run(args=["licensing", "audit-log", "--action", "parcel-lost"]).exit_code == 2


def test_an_endpoint_is_not_there_where_the_key_store_has_none_of_its_methods(host: Host) -> None:
    assert _get(host, "product_id=1").status_code == 200
    assert host.app.test_client().get("/api/v1/count-parcels").status_code == 404
    with host.app.app_context():
        assert "/count-parcels" not in host.licensing.openapi()["paths"]
        assert "count-parcels" not in host.licensing.state.capabilities
    checked = host.app.test_cli_runner().invoke(args=["licensing", "check"]).output
    assert "does without what needs" in checked
    assert "count_parcels" in checked


@pytest.mark.parametrize("names", [("count_parcels",), ("find_parcel",)])
def test_a_key_store_with_some_methods_of_a_feature_is_refused(
    create_host: Callable[..., Host], parcels: None, names: tuple[str, ...]
) -> None:
    store = MemoryKeyStore()
    for name in names:
        setattr(store, name, lambda *_: None)
    with pytest.raises(ConfigurationError, match="some methods of ParcelStore"):
        create_host(key_store=store)
