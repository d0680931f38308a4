"""How answers show metadata (contract section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask_licensing.core.metadata import Metadata


class _MetadataSchema(Schema):
    """One value that is kept with a license key or a product."""

    key = fields.String(required=True)
    value = fields.Raw(required=True, metadata={"description": "Text, or any JSON value but null."})


_METADATA = _MetadataSchema(many=True)


def metadata_field() -> fields.Field[Any]:
    """Return the field of a record that has its metadata, which is put into what the record's schema dumps."""
    return fields.List(fields.Nested(_MetadataSchema), required=True, dump_default=())


def show_metadata(metadata: Iterable[Metadata]) -> Any:
    """Return metadata as answers have it."""
    return _METADATA.dump(metadata)
