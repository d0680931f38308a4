"""The fields of metadata (contract section 5)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from marshmallow import pre_load

from flask_licensing.core.domain import MAX_TEXT_LENGTH
from flask_licensing.core.fields import LabelledField, RecordId, RequestSchema, Text, load_fields
from flask_licensing.verification.strict_json import read_strict_json

if TYPE_CHECKING:
    from collections.abc import Mapping

Entries: TypeAlias = "tuple[tuple[str, Any], ...]"
"""Keys and values that are kept with one license key."""

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


class _EntrySchema(_MetaSchema):
    """One member of ``meta_data`` in a file."""

    key = Text(required=True)
    value = MetaValue(required=True)


_ENTRY = _EntrySchema()


def read_metadata(document: object) -> Entries:
    """Return the keys and values of ``meta_data`` as records have it: a list of objects with ``key`` and ``value``.

    Raises:
        ValueError: it is something else, names a key twice, or has what can't be kept; the sentence says what.

    """
    if not isinstance(document, list) or not all(isinstance(entry, dict) for entry in document):
        raise ValueError("The meta_data is not a JSON array of objects with key and value.")
    entries = tuple(map(_read_entry, document))
    if len({key for key, _ in entries}) < len(entries):
        raise ValueError("The meta_data has a key more than once.")
    return entries


def _read_entry(entry: Mapping[str, Any]) -> tuple[str, Any]:
    key, value = entry.get("key"), entry.get("value")
    # The schema takes ten times as long, and most entries of a large file are fine at a glance.
    if isinstance(key, str) and _is_plain(key) and key == key.strip() and isinstance(value, str) and _is_plain(value):
        return key, value
    loaded = load_fields(_ENTRY, entry)
    if loaded.errors:
        raise ValueError(" ".join(sentence for sentences in loaded.errors.values() for sentence in sentences))
    return loaded.value["key"], loaded.value["value"]


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= MAX_TEXT_LENGTH and text.isprintable() and not text.isspace()


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
