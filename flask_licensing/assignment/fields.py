"""The fields of the requests that assign license keys."""

from __future__ import annotations

from flask_licensing.core.fields import RequestSchema, Text


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
