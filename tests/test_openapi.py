"""The API's description: it is valid, says what the code says, and every answer is as it says."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_licensing.core.settings import Settings
from flask_licensing.errors import ANY_ENDPOINTS_CODES, WrongMethod
from flask_licensing.features import FEATURES
from flask_licensing.verification import verify_response
from tests.hosts import PATH
from tests.scale import SCALE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hosts import Host

DESCRIPTION = "/api/v1/openapi.json"
PUBLISHED_PATHS = ("/public-keys", "/public-keys/{product_id}", "/openapi.json")


@pytest.fixture
def description(host: Host) -> dict[str, Any]:
    with host.app.app_context():
        return host.licensing.openapi()


@pytest.fixture
def described_host(create_host: Callable[..., Host]) -> Host:
    """A host that is asked often, and gets few bytes at a time."""
    return create_host(max_content_length=100_000)


@pytest.fixture
def operations(described_host: Host) -> Any:
    """What schemathesis reads in the description that the host serves."""
    schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis: pip install schemathesis")
    return schemathesis.openapi.from_wsgi(DESCRIPTION, described_host.app)


def test_the_description_is_valid_openapi(description: dict[str, Any]) -> None:
    validator = pytest.importorskip(
        "openapi_spec_validator", reason="needs openapi-spec-validator: pip install openapi-spec-validator"
    )
    validator.validate(description)
    assert description["openapi"] == "3.1.0"


ENDPOINTS = [endpoint for feature in FEATURES for endpoint in feature.endpoints]


def test_the_description_has_every_endpoint_with_every_field_and_every_code(description: dict[str, Any]) -> None:
    assert description["paths"].keys() == {f"/{endpoint.name}" for endpoint in ENDPOINTS} | set(PUBLISHED_PATHS)
    for endpoint in ENDPOINTS:
        operation = description["paths"][f"/{endpoint.name}"][endpoint.method.lower()]
        for code in {*ANY_ENDPOINTS_CODES, *endpoint.all_outcomes} - {WrongMethod.code}:
            answer = operation["responses"][str(code.status)]
            if "$ref" in answer:
                answer = description["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
            assert f"`{code.number}` {code.message}" in answer["description"]
            assert str(code.number) in json.dumps(answer["content"])
        if endpoint.method == "GET":
            named = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"}
            assert named >= endpoint.request_schema(Settings()).fields.keys()
            continue
        for media_type in operation["requestBody"]["content"].values():
            name = media_type["schema"]["$ref"].rsplit("/", 1)[1]
            described = description["components"]["schemas"][name]["properties"]
            assert described.keys() == endpoint.request_schema(Settings()).fields.keys() | {"api_key"}
            assert all(len(schema) > 1 or schema == {"type": "string"} for schema in described.values())


def test_limits_are_those_of_the_app(create_host: Callable[..., Host]) -> None:
    host = create_host(max_license_keys_per_request=7, url_prefix="/shop/v1")
    answer = host.app.test_client().get("/shop/v1/openapi.json", base_url="https://example.org/mounted")
    assert answer.json is not None
    assert answer.json["servers"] == [{"url": "/mounted/shop/v1"}]
    assert answer.json["components"]["schemas"]["CreateLicenseKeys"]["properties"]["license_keys"]["maxItems"] == 7


def test_anyone_may_read_the_description_and_keep_it_for_a_while(host: Host) -> None:
    client = host.app.test_client()
    answer = client.get(DESCRIPTION)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    again = client.get(DESCRIPTION, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    head = client.head(DESCRIPTION)
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", answer.headers["ETag"])
    assert client.options(DESCRIPTION).headers["Allow"] == "OPTIONS, GET, HEAD"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE"])
def test_another_method_is_code_9405(host: Host, method: str) -> None:
    answer = host.app.test_client().open(DESCRIPTION, method=method)
    assert (answer.status_code, host.verified(answer)["code"]) == (405, 9405)
    assert answer.headers["Allow"] == "OPTIONS, GET, HEAD"


def test_the_command_prints_what_is_served(host: Host) -> None:
    printed = host.app.test_cli_runner().invoke(args=["licensing", "openapi"])
    assert json.loads(printed.stdout) == host.app.test_client().get(DESCRIPTION).json


def test_without_its_extra_there_is_no_description_and_the_command_says_how_to_get_it(
    create_host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apispec", None)
    host = create_host()
    answer = host.app.test_client().get(DESCRIPTION)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    command = host.app.test_cli_runner().invoke(args=["licensing", "openapi"])
    assert command.exit_code == 1
    assert "pip install 'flask-licensing[openapi]'" in command.output
    assert host.create()["code"] == 900


def _answer(case: Any, secret: str) -> Any:
    """Send a request of schemathesis and return its answer, which is as described."""
    from schemathesis import checks
    from schemathesis.specs.openapi import checks as openapi_checks

    if case.media_type == "application/x-www-form-urlencoded" and isinstance(case.body, dict):
        # schemathesis does not look at what the description says of JSON inside a form of this type.
        case.body = {name: json.dumps(value) if isinstance(value, list) else value for name, value in case.body.items()}
    answer = case.call(headers={"Authorization": f"Bearer {secret}"})
    case.validate_response(
        answer,
        checks=[
            checks.not_a_server_error,
            openapi_checks.status_code_conformance,
            openapi_checks.content_type_conformance,
            openapi_checks.response_headers_conformance,
            openapi_checks.response_schema_conformance,
        ],
    )
    return answer


few_examples = settings(deadline=None, max_examples=60 * SCALE, suppress_health_check=[*HealthCheck])


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_requests_made_from_the_description_are_answered_as_it_says(
    operations: Any, described_host: Host, mode: str
) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis: pip install schemathesis")
    cases = operations["/create-license-keys"]["POST"].as_strategy(schemathesis.GenerationMode(mode))
    codes = set()

    @few_examples
    @given(cases, st.sampled_from([described_host.secret, "wrong"]))
    def check(case: Any, secret: str) -> None:
        answer = _answer(case, secret)
        codes.add(verify_response(answer.content, described_host.public_key).response["code"])
        assert described_host.secret not in answer.text

    check()
    assert codes > {100, 901}


@pytest.mark.parametrize(
    ("path", "mode"),
    # Of the last there is nothing to ask wrongly.
    [*((path, "positive") for path in PUBLISHED_PATHS), *((path, "negative") for path in PUBLISHED_PATHS[:-1])],
)
def test_published_documents_are_as_described_whatever_is_asked(
    operations: Any, described_host: Host, path: str, mode: str
) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis: pip install schemathesis")
    statuses = set()

    @settings(few_examples, max_examples=20)
    @given(operations[path]["GET"].as_strategy(schemathesis.GenerationMode(mode)))
    def check(case: Any) -> None:
        answer = _answer(case, "none is needed")
        statuses.add(answer.status_code)
        if answer.status_code not in {200, 404}:
            assert verify_response(answer.content, described_host.public_key).response["code"] > 9000

    check()
    assert mode == "negative" or 200 in statuses


def test_each_kind_of_answer_is_as_described(operations: Any, described_host: Host) -> None:
    host = described_host
    requests: dict[int, dict[str, Any]] = {
        900: {"data": host.fields()},
        902: {"data": host.fields()},
        901: {"data": {}},
        100: {"data": host.fields(), "headers": {"Authorization": "Bearer wrong"}},
        9400: {"data": "{", "content_type": "application/json"},
        9413: {"data": {"status": "x" * 100_001}},
        9415: {"data": "x", "content_type": "text/plain"},
    }
    for code, options in requests.items():
        headers = {"Authorization": f"Bearer {host.secret}"} | options.pop("headers", {})
        answer = host.app.test_client().post(PATH, headers=headers, **options)
        assert host.verified(answer)["code"] == code
        assert operations["/create-license-keys"]["POST"].is_valid_response(answer), code


def test_too_many_requests_are_answered_as_described(create_host: Callable[..., Host]) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis: pip install schemathesis")
    pytest.importorskip("limits", reason="needs Flask-Limiter: pip install '.[rate-limiting]'")
    host = create_host(rate_limit="1 per minute")
    answers = [host.post(host.fields()) for _ in range(2)]
    operations = schemathesis.openapi.from_wsgi(DESCRIPTION, host.app)
    assert [answer.status_code for answer in answers] == [200, 429]
    assert all(operations["/create-license-keys"]["POST"].is_valid_response(answer) for answer in answers)
    answers[1].set_data(answers[1].text.replace("retry_after", "retry_at_once"))
    assert not operations["/create-license-keys"]["POST"].is_valid_response(answers[1])
