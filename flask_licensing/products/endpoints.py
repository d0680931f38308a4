"""``create-product``, ``update-product``, ``delete-product`` and ``get-all-products`` (contract section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marshmallow import Schema, fields, validate

from flask_licensing.core.fields import RequestSchema
from flask_licensing.core.metadata import MetadataOwner, metadata_of
from flask_licensing.core.wire import ISO
from flask_licensing.http.answers import Outcome
from flask_licensing.http.endpoint import Endpoint
from flask_licensing.http.metadata import metadata_field, show_metadata
from flask_licensing.http.moments import moment
from flask_licensing.products import service
from flask_licensing.products.fields import NamedProductSchema, ProductChangesSchema, ProductSchema
from flask_licensing.products.store import ProductChangeStore, ProductManagementStore

if TYPE_CHECKING:
    from flask_licensing.core.domain import Caller
    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.work import Work


class _CreatedSchema(Schema):
    """The id of the new product."""

    product_id = fields.Integer(required=True)


class _ListedProductSchema(Schema):
    """A product, as ``get-all-products`` gives it."""

    id = fields.Integer(required=True)
    external_reference = fields.String(required=True)
    source = fields.String(required=True)
    name = fields.String(required=True)
    post_url = fields.Constant("", required=True)
    description = fields.String(required=True)
    status = fields.String(required=True)
    require_non_expired = fields.Integer(required=True, validate=validate.Range(0, 1))
    created_at = moment("created_at", ISO)
    updated_at = moment("updated_at", ISO)
    meta_data = metadata_field()


class _ListResultSchema(Schema):
    """All products, by id."""

    products = fields.List(fields.Nested(_ListedProductSchema), required=True)


_PRODUCT = ProductSchema()
_CHANGES = ProductChangesSchema()
_NAMED = NamedProductSchema()
_NOTHING = RequestSchema()
_LIST_RESULT = _ListResultSchema()


def _create(work: Work, _: Caller, sent: LoadedFields) -> Outcome:
    product = service.create_product(work, sent)
    return Outcome.of(service.CREATED, {"product_id": product.id})


def _update(work: Work, _: Caller, sent: LoadedFields) -> Outcome:
    service.update_product(work, sent)
    return Outcome.of(service.UPDATED)


def _delete(work: Work, _: Caller, sent: LoadedFields) -> Outcome:
    product = None if sent.errors else service.delete_product(work, sent.value["product_id"])
    return Outcome.of(service.NOT_THERE_TO_DELETE if product is None else service.DELETED)


def _list(work: Work, _: Caller, __: LoadedFields) -> Outcome:
    products = service.require_product_store(work.store).list_products()
    listed = _LIST_RESULT.dump({"products": products})
    found = metadata_of(work.store, MetadataOwner.PRODUCT, [product.id for product in products])
    for product in listed["products"]:
        product["meta_data"] = show_metadata(found.get(product["id"], ()))
    return Outcome.of(service.LISTED, listed)


ENDPOINTS = (
    Endpoint(
        name="create-product",
        method="POST",
        handle=_create,
        summary="Create a product.",
        request_schema=lambda _: _PRODUCT,
        outcomes={service.CREATED: _CreatedSchema},
        incorrect_data=service.INCORRECT_PRODUCT,
        needs=(ProductManagementStore,),
    ),
    Endpoint(
        name="update-product",
        method="POST",
        handle=_update,
        summary="Change what is sent of a product.",
        request_schema=lambda _: _CHANGES,
        outcomes={service.UPDATED: Schema},
        incorrect_data=service.INCORRECT_CHANGES,
        needs=(ProductChangeStore,),
    ),
    Endpoint(
        name="delete-product",
        method="POST",
        handle=_delete,
        summary="Delete a product that has no license keys.",
        request_schema=lambda _: _NAMED,
        outcomes={service.NOT_THERE_TO_DELETE: Schema, service.DELETED: Schema},
        needs=(ProductChangeStore,),
    ),
    Endpoint(
        name="get-all-products",
        method="GET",
        handle=_list,
        summary="List all products, by id.",
        request_schema=lambda _: _NOTHING,
        outcomes={service.LISTED: _ListResultSchema},
        needs=(ProductManagementStore,),
    ),
)
