"""The fields of metadata (contract section 5)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from marshmallow import pre_load

from flask_licensing.core.fields import LabelledField, RecordId, RequestSchema, Text
from flask_licensing.verification.strict_json import read_strict_json

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_VALUE_LENGTH = 16_000
"""Longest value as compact JSON, in characters: with four bytes each it fits in a ``TEXT`` of MariaDB and MySQL."""


def value_to_json(value: Any) -> str:
    """Return a value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class MetaValue(LabelledField):
    """Text, or any JSON value but null, as it was sent."""

    default_error_messages = {
        "json": "The {label} field must be text or a JSON value, with integers of up to 64 bits.",
        "too_long": "The {label} field must not be longer than {limit} characters as JSON.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        try:
            text = value_to_json(value)
            # Half a character, or a number that is too large, would keep the answers that show it from being read.
            text.encode()
            read_strict_json(text)
        except (TypeError, ValueError):
            raise self.make_error("json") from None
        if len(text) > MAX_VALUE_LENGTH:
            raise self.make_error("too_long", limit=MAX_VALUE_LENGTH)
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"description": "Text, or in a JSON body any JSON value but null.", "default": None}


class _MetaSchema(RequestSchema):
    """The fields of metadata; a value that is sent is kept as it is, white space around it included."""

    key = Text(load_default=None)

    @pre_load
    def _drop_empty_fields(self, data: Mapping[str, Any], **_: object) -> dict[str, Any]:
        present: dict[str, Any] = super()._drop_empty_fields(data)
        return present | {"value": data["value"]} if "value" in present else present


class _LicenseKeySchema(RequestSchema):
    license_key = Text(load_default="")
    identifier = Text(load_default="")


class _ProductSchema(RequestSchema):
    product_id = RecordId(required=True)


class LicenseKeyMetaSchema(_MetaSchema, _LicenseKeySchema):
    """The fields of ``create-license-key-meta`` and ``update-license-key-meta``."""

    value = MetaValue(load_default=None)


class NamedLicenseKeyMetaSchema(_MetaSchema, _LicenseKeySchema):
    """The fields of ``delete-license-key-meta``."""


class ProductMetaSchema(_MetaSchema, _ProductSchema):
    """The fields of ``create-product-meta`` and ``update-product-meta``."""

    value = MetaValue(load_default=None)


class NamedProductMetaSchema(_MetaSchema, _ProductSchema):
    """The fields of ``delete-product-meta``."""
