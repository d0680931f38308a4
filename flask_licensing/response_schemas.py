"""What the endpoints answer beside code, message and timestamp, as marshmallow schemas (contract section 4)."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class CreationResultSchema(Schema):
    """How many license keys were created, and how many were there already: both add up to those sent."""

    created = fields.Integer(required=True, validate=validate.Range(min=0))
    duplicate = fields.Integer(required=True, validate=validate.Range(min=0))


class FieldErrorsSchema(Schema):
    """What is wrong with the fields of a request."""

    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        required=True,
        metadata={"description": "Each field with its sentences."},
    )
