"""The fields of a request for a license file."""

from __future__ import annotations

from flask_licensing.core.fields import RequestSchema, Text


class LicenseFileSchema(RequestSchema):
    """Of which license key, and for which identifier."""

    license_key = Text(load_default="")
    identifier = Text(load_default="")
