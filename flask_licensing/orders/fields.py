"""The fields of orders, as host code and commands give them."""

from __future__ import annotations

from flask_licensing.core.domain import MAX_VALIDITY_DAYS
from flask_licensing.core.fields import RecordId, RequestSchema, Text, WholeNumber
from flask_licensing.generators.fields import MOST_GENERATED


class OrderSchema(RequestSchema):
    """Which order of the site."""

    order_id = Text(required=True)


class SaleSchema(OrderSchema):
    """What is sold to whom; an owner is free text."""

    product_id = RecordId(required=True)
    owner_name = Text(load_default=None)
    owner_email = Text(load_default=None)
    quantity = WholeNumber(minimum=1, maximum=MOST_GENERATED, load_default=1)


class RenewalSchema(OrderSchema):
    """For how many days more, and which payment they are for."""

    days = WholeNumber(required=True, minimum=1, maximum=MAX_VALIDITY_DAYS)
    renewal_id = Text(load_default=None)
