"""The fields of products (contract section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import post_load

from flask_licensing.core.fields import Choice, RecordId, RequestSchema, Text, WholeNumber
from flask_licensing.products.store import ProductSource, ProductStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN_PRODUCT = "The selected product id is invalid."
"""The sentence about an unknown product (contract section 4)."""

MAX_DESCRIPTION_LENGTH = 4000
"""Longest description of a product, in characters."""


class _Flag(WholeNumber):
    """0 or 1, as a bool."""

    default_error_messages = dict.fromkeys(("integer", "too_small", "too_large"), "The selected {label} is invalid.")

    def __init__(self, **options: Any) -> None:
        super().__init__(maximum=1, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        return bool(super()._deserialize(value, attr, data, **kwargs))


class ProductSchema(RequestSchema):
    """The fields of ``create-product``; ``load`` answers with them by name."""

    name = Text(required=True)
    description = Text(required=True, limit=MAX_DESCRIPTION_LENGTH, lines=True)
    source = Choice(ProductSource, load_default=ProductSource.INTERNAL)
    status = Choice(ProductStatus, load_default=ProductStatus.ACTIVE)
    require_non_expired = _Flag(load_default=False)
    external_reference = Text(load_default="")

    @post_load
    def _to_values(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        # A driver may store the name of an enum's member in place of its value.
        return data | {name: data[name].value for name in ("source", "status") if name in data}


class ProductChangesSchema(ProductSchema):
    """The fields of ``update-product``; ``load`` answers with those that were sent."""

    product_id = RecordId(required=True)

    def __init__(self) -> None:
        super().__init__(partial=tuple(ProductSchema().fields))


class NamedProductSchema(RequestSchema):
    """The field that names a product."""

    product_id = RecordId(required=True)
