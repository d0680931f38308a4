"""``get-license-file`` (contract section 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marshmallow import Schema, fields

from flask_licensing.activations.fields import read_texts
from flask_licensing.activations.service import CONDITIONS
from flask_licensing.activations.store import ActivationStore
from flask_licensing.core.state import current_state
from flask_licensing.http.answers import Outcome
from flask_licensing.http.endpoint import Endpoint
from flask_licensing.license_files import service
from flask_licensing.license_files.fields import LicenseFileSchema

if TYPE_CHECKING:
    from flask_licensing.core.domain import Caller
    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.work import Work


class _LicenseFileSchema(Schema):
    """A license file."""

    license_file = fields.String(
        required=True, metadata={"description": "A JSON Web Token (RFC 7519), as a JWS in compact form (RFC 7515)."}
    )


_REQUEST = LicenseFileSchema()


def _answer(work: Work, _: Caller, sent: LoadedFields) -> Outcome:
    asked = read_texts(sent)
    result = service.create_license_file(work, current_state(), asked["license_key"] or "", asked["identifier"] or "")
    members = {} if result.license_file is None else {"license_file": result.license_file}
    return Outcome.of(result.code, members, product_id=result.product_id)


ENDPOINTS = (
    Endpoint(
        name="get-license-file",
        method="POST",
        handle=_answer,
        summary="Give a license file, with which a program runs without a network for some days.",
        request_schema=lambda _: _REQUEST,
        outcomes={
            **dict.fromkeys((condition.code for condition in CONDITIONS), Schema),
            service.RETRIEVED: _LicenseFileSchema,
        },
        needs=(ActivationStore,),
    ),
)
