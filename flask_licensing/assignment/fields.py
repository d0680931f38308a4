"""The fields of the requests that assign license keys."""

from __future__ import annotations

from flask_licensing.core.fields import RecordId, RequestSchema, Text, WholeNumber

MOST_LICENSE_KEYS = 1000
"""Most license keys that are assigned at once (contract section 5)."""


class AssignmentSchema(RequestSchema):
    """To whom a license key is assigned, and the identifier that uses it; an owner is free text."""

    license_key = Text(load_default="")
    identifier = Text(load_default="")
    owner_name = Text(load_default=None)
    owner_email = Text(load_default=None)


class AssignLicenseKeySchema(RequestSchema):
    """The fields of ``assign-license-key``, where the address of the owner has another name."""

    license_key = Text(load_default="")
    owner_name = Text(load_default=None)
    email = Text(load_default=None)


class RandomAssignmentSchema(RequestSchema):
    """How many license keys of which product are assigned, and to whom."""

    product_id = RecordId(required=True)
    quantity = WholeNumber(minimum=1, maximum=MOST_LICENSE_KEYS, load_default=1)
    generate = WholeNumber(
        maximum=1, load_default=0, metadata={"description": "1 makes new license keys; 0 takes those of the stock."}
    )
    owner_name = Text(load_default=None)
    owner_email = Text(load_default=None)
