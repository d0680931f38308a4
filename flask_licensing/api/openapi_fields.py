"""What the description of the API says of this package's own marshmallow fields, as JSON Schema."""

from __future__ import annotations

import re
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from flask_licensing.domain import MAX_TEXT_LENGTH, LicenseKeyStatus
from flask_licensing.schemas import (
    DATE_AND_TIME,
    EmailAddress,
    LicenseKeys,
    Moment,
    Status,
    Text,
    WholeNumber,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from marshmallow.fields import Field

_TEXT = {"type": "string", "maxLength": MAX_TEXT_LENGTH, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$"}


@singledispatch
def schema_of_field(_: Field[Any]) -> dict[str, Any]:
    """Return what JSON Schema can say of a field; nothing of those that apispec knows by itself."""
    return {}


@schema_of_field.register
def _(_: Text) -> dict[str, Any]:
    return dict(_TEXT)


@schema_of_field.register
def _(_: EmailAddress) -> dict[str, Any]:
    return _TEXT | {"format": "email"}


@schema_of_field.register
def _(field: WholeNumber) -> dict[str, Any]:
    return {"type": "integer", "minimum": field.minimum, "maximum": field.maximum}


@schema_of_field.register
def _(_: Status) -> dict[str, Any]:
    return {"type": "string", "enum": [status.value for status in LicenseKeyStatus]}


@schema_of_field.register
def _(_: Moment) -> dict[str, Any]:
    # The names of groups are Python's; JSON Schema has the regular expressions of ECMA 262.
    return {"type": "string", "pattern": f"^{re.sub(r'[?]P<[a-z]+>', '', DATE_AND_TIME.pattern)}$"}


@schema_of_field.register
def _(field: LicenseKeys) -> dict[str, Any]:
    array: dict[str, Any] = {"type": "array", "items": _TEXT | {"minLength": 1}, "minItems": 1}
    return array if field.limit is None else array | {"maxItems": field.limit}


def describe_field(field: Field[Any]) -> dict[str, Any]:
    """Return the schema of one of this package's fields in a JSON body, where an optional one may be null."""
    schema = schema_of_field(field)
    if schema and not field.required:
        schema |= {"type": [schema["type"], "null"], "default": None}
    return schema


def as_form(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a JSON object as that of a form, in which nothing is null."""
    return {**schema, "properties": {name: _in_a_form(member) for name, member in schema["properties"].items()}}


def _in_a_form(schema: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(schema.get("type"), list):
        return dict(schema)
    (kind,) = set(schema["type"]) - {"null"}
    return {key: value for key, value in schema.items() if key != "default"} | {"type": kind}


def json_in_a_form(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the encoding of those members that are JSON inside a form."""
    arrays = [name for name, member in schema["properties"].items() if member.get("type") == "array"]
    return {name: {"contentType": "application/json"} for name in arrays}
