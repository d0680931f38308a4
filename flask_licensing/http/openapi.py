"""The description of the API, in OpenAPI 3.1, made from what its endpoints declare."""

from __future__ import annotations

import importlib.util
import json
import re
from typing import TYPE_CHECKING, Any, cast

from flask import request

from flask_licensing._version import __version__
from flask_licensing.core.fields import LabelledField
from flask_licensing.errors import ConfigurationError
from flask_licensing.http.authentication import API_KEY_FIELD
from flask_licensing.http.endpoint import IDEMPOTENCY_KEY_HEADER, IDEMPOTENCY_KEY_PATTERN, MAX_IDEMPOTENCY_KEY_LENGTH
from flask_licensing.http.openapi_answers import (
    ANSWER,
    ERROR,
    answer_schema,
    error_responses,
    other_error_response,
    outcome_response,
)
from flask_licensing.http.origins import REQUEST_ID_HEADER
from flask_licensing.http.published import Published
from flask_licensing.http.request import FORM, JSON, MULTIPART

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from marshmallow import Schema
    from marshmallow.fields import Field

    from flask_licensing.core.settings import Settings
    from flask_licensing.core.state import LicensingState
    from flask_licensing.http.endpoint import Endpoint

DESCRIPTION_MAX_AGE_SECONDS = 3600
"""How long the description may be cached: it changes with the package's version and the app's settings."""

OPENAPI_VERSION = "3.1.0"

_PATH_VARIABLE = re.compile("<([a-z_]+)>")

_STRING = {"type": "string"}
_BEARER = "bearer"
_API_KEY_IN_FIELD = "The API key, where no header has it."


def _write(state: LicensingState) -> tuple[str, str]:
    return json.dumps(state.describe_api(request.script_root + state.settings.url_prefix)), JSON


DESCRIPTION = Published(
    name="openapi",
    paths=("/openapi.json",),
    write=_write,
    max_age_seconds=DESCRIPTION_MAX_AGE_SECONDS,
    summary="This description.",
    schemas={JSON: {"type": "object"}},
)


def has_apispec() -> bool:
    """Whether the extra ``openapi`` is installed, without which there is no description."""
    return importlib.util.find_spec("apispec") is not None


def describe_api(
    settings: Settings, endpoints: Iterable[Endpoint], documents: Iterable[Published], *, url: str
) -> dict[str, Any]:
    """Return the description, as a JSON object, of endpoints and published documents that are under ``url``.

    Raises:
        ConfigurationError: the extra ``openapi`` is not installed.

    """
    description = _Description(url)
    for endpoint in endpoints:
        description.add_endpoint(endpoint, settings)
    for document in documents:
        description.add_document(document)
    return description.as_object()


class _Description:
    """Puts the document together."""

    def __init__(self, url: str) -> None:
        try:
            from apispec import APISpec
            from apispec.ext.marshmallow import MarshmallowPlugin
        except ImportError:
            raise ConfigurationError(
                "The description of the API needs apispec: pip install 'flask-licensing[openapi]'."
            ) from None
        plugin = MarshmallowPlugin()
        self._spec = APISpec(
            "Licensing API",
            __version__,
            OPENAPI_VERSION,
            plugins=[plugin],
            info={"description": "License keys in a site's own database, and answers signed with RSA."},
            servers=[{"url": url}],
        )
        self._converter = cast("Any", plugin.converter)  # apispec is typed in part
        self._converter.add_attribute_function(lambda _, field, **__: _describe_field(field))
        self._add_shared_parts()

    def as_object(self) -> dict[str, Any]:
        document: dict[str, Any] = self._spec.to_dict()
        return document

    def add_endpoint(self, endpoint: Endpoint, settings: Settings) -> None:
        operation = self._operation(endpoint, settings)
        self._spec.path(f"/{endpoint.name}", operations={endpoint.method.lower(): operation})

    def add_document(self, document: Published) -> None:
        for path in document.paths:
            self._spec.path(_PATH_VARIABLE.sub(r"{\1}", path), operations={"get": _reading(document, path)})

    def _add_shared_parts(self) -> None:
        components = self._spec.components
        components.security_scheme(
            _BEARER, {"type": "http", "scheme": "bearer", "description": f"Or the field `{API_KEY_FIELD}`."}
        )
        components.schema(ANSWER, answer_schema())
        for name, response in error_responses().items():
            components.response(name, response)

    def _operation(self, endpoint: Endpoint, settings: Settings) -> dict[str, Any]:
        return {
            "operationId": endpoint.name.replace("-", "_"),
            "summary": endpoint.summary,
            "security": [{_BEARER: []}, {}],
            **self._input(endpoint, settings),
            "responses": {
                "200": outcome_response(
                    {code: self._members(schema) for code, schema in endpoint.all_outcomes.items()}
                ),
                **{name.removeprefix(ERROR): name for name in error_responses()},
                "default": other_error_response(),
            },
        }

    def _input(self, endpoint: Endpoint, settings: Settings) -> dict[str, Any]:
        as_json = self._converter.schema2jsonschema(endpoint.request_schema(settings))
        if endpoint.method == "POST":
            return {
                "parameters": _PARAMETERS,
                "requestBody": {"required": True, "content": self._bodies(endpoint, as_json)},
            }
        required = as_json.get("required", ())
        in_query = [
            {"in": "query", "name": name, "required": name in required, "schema": schema}
            for name, schema in _as_form(as_json)["properties"].items()
        ]
        api_key = {"in": "query", "name": API_KEY_FIELD, "schema": _STRING, "description": _API_KEY_IN_FIELD}
        return {"parameters": [*_PARAMETERS, *in_query, api_key]}

    def _bodies(self, endpoint: Endpoint, as_json: dict[str, Any]) -> dict[str, Any]:
        as_json["properties"][API_KEY_FIELD] = _STRING | {"writeOnly": True, "description": _API_KEY_IN_FIELD}
        name = endpoint.name.title().replace("-", "")
        self._spec.components.schema(name, as_json)
        self._spec.components.schema(f"{name}Form", _as_form(as_json))
        form = {"schema": f"{name}Form", "encoding": _json_in_a_form(as_json)}
        return {JSON: {"schema": name}, FORM: form, MULTIPART: form}

    def _members(self, schema: type[Schema]) -> dict[str, Any]:
        members: dict[str, Any] = self._converter.schema2jsonschema(schema())["properties"]
        return members


def _describe_field(field: Field[Any]) -> dict[str, Any]:
    """Return the schema of a field in a JSON body, where an optional one may be null; apispec knows other fields."""
    if not isinstance(field, LabelledField):
        return {}
    schema = field.json_schema()
    if field.required or "type" not in schema:
        return schema
    choices = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | choices | {"type": [schema["type"], "null"], "default": None}


def _as_form(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a JSON object as that of a form, in which nothing is null."""
    return {**schema, "properties": {name: _in_a_form(member) for name, member in schema["properties"].items()}}


def _in_a_form(schema: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(schema.get("type"), list):
        return dict(schema)
    (kind,) = set(schema["type"]) - {"null"}
    choices = {"enum": [choice for choice in schema["enum"] if choice is not None]} if "enum" in schema else {}
    return {key: value for key, value in schema.items() if key != "default"} | choices | {"type": kind}


def _json_in_a_form(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the encoding of those members that are JSON inside a form."""
    arrays = [name for name, member in schema["properties"].items() if member.get("type") == "array"]
    return {name: {"contentType": "application/json"} for name in arrays}


def _reading(document: Published, path: str) -> dict[str, Any]:
    in_path = _PATH_VARIABLE.findall(path)
    in_query = [name for name in document.parameters if f"<{name}>" not in "".join(document.paths)]
    places = dict.fromkeys(in_path, "path") | dict.fromkeys(in_query, "query")
    parameters = [
        {"in": place, "name": name, "required": place == "path", "schema": document.parameters[name]}
        for name, place in places.items()
    ]
    content = {media_type: {"schema": schema} for media_type, schema in document.schemas.items()}
    return {
        "operationId": "_by_".join([document.name.replace("-", "_"), *in_path]),
        "summary": document.summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": document.summary, "content": content},
            "304": {"description": "Unchanged since the answer whose `ETag` the request names."},
            **({"404": {"description": "The site's own page: the path names no id."}} if in_path else {}),
            "default": other_error_response(),
        },
    }


def _header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"in": "header", "name": name, "description": description, "schema": _STRING | schema}


_PARAMETERS = [
    _header(
        IDEMPOTENCY_KEY_HEADER,
        "The same key with the same fields gets the same answer, and there is no second effect.",
        maxLength=MAX_IDEMPOTENCY_KEY_LENGTH,
        pattern=f"^{IDEMPOTENCY_KEY_PATTERN}$",
    ),
    _header(REQUEST_ID_HEADER, "What the request is called in the answer and in the site's records."),
]
