"""What the description of the API says of answers: the signed envelope, outcomes and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from flask_licensing.core.wire import NO_PRIVATE_KEY_SIGNATURE, PrivateKeyUsed
from flask_licensing.errors import ANY_ENDPOINTS_CODES, StoreUnavailable, TooManyRequests, WrongMethod
from flask_licensing.http.answers import KEY_ID_HEADER
from flask_licensing.http.origins import REQUEST_ID_HEADER
from flask_licensing.http.request import JSON

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flask_licensing.errors import Code

ANSWER = "SignedAnswer"
"""The name of the schema that all answers share."""

ERROR = "Error"
"""What the name of an error's response begins with; its HTTP status follows."""

_STRING = {"type": "string"}
_INTEGER = {"type": "integer"}
_BASE64 = "^[A-Za-z0-9+/]+={0,2}$"
_RETRY_LATER = {TooManyRequests.code, StoreUnavailable.code}

_HEADERS = {
    REQUEST_ID_HEADER: {"description": "The request's id, as sent or made.", "schema": _STRING},
    KEY_ID_HEADER: {"description": "The id of the key that signed (RFC 7638), where it is known.", "schema": _STRING},
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "required": True, "schema": _INTEGER | {"minimum": 0}}}


def answer_schema() -> dict[str, Any]:
    """Return the schema of any signed answer (contract section 1)."""
    response = {"code": _INTEGER, "message": _STRING, "timestamp": _INTEGER | {"description": "Unix seconds"}}
    return {
        "type": "object",
        "required": ["response", "response_base64", "private_key_used", "signature"],
        "properties": {
            "response": {"type": "object", "required": [*response], "properties": response},
            "response_base64": _STRING
            | {
                "contentEncoding": "base64",
                "pattern": _BASE64,
                "description": "What is signed: the JSON of `response`.",
            },
            "private_key_used": _STRING | {"enum": [*get_args(PrivateKeyUsed)]},
            "signature": {
                "description": "RSASSA-PKCS1-v1_5 with SHA-256 over the text of `response_base64`.",
                "anyOf": [{"const": NO_PRIVATE_KEY_SIGNATURE}, _STRING | {"pattern": _BASE64}],
            },
        },
    }


def outcome_response(outcomes: Mapping[Code, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the response that is one of these outcomes, each with the schemas of its own members of ``response``."""
    schemas = [
        _signed(code={"const": code.number}, message={"const": code.message}, **members)
        for code, members in outcomes.items()
    ]
    return _response({"oneOf": schemas}, outcomes)


def error_responses() -> dict[str, dict[str, Any]]:
    """Return by name the responses of the errors that any endpoint may answer with, one for each HTTP status."""
    by_status: dict[int, list[Code]] = {}
    for code in ANY_ENDPOINTS_CODES:
        if code is not WrongMethod.code:
            by_status.setdefault(code.status, []).append(code)
    return {f"{ERROR}{status}": _error_response(codes) for status, codes in sorted(by_status.items())}


def other_error_response() -> dict[str, Any]:
    """Return the response of any other error."""
    return _response(_signed(code=_INTEGER), ()) | {"description": "Any other HTTP error: 9000 and its status."}


def _error_response(codes: list[Code]) -> dict[str, Any]:
    beside = {"retry_after": _INTEGER} if TooManyRequests.code in codes else {}
    return _response(_signed(code={"enum": [code.number for code in codes]}, beside=beside), codes)


def _signed(*, beside: Mapping[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """Return the schema of a signed answer whose ``response`` has these members, with others ``beside`` it."""
    response = {"type": "object", "required": [*members], "properties": members}
    properties = {"response": response, **(beside or {})}
    return {
        "allOf": [{"$ref": f"#/components/schemas/{ANSWER}"}, {"required": [*properties], "properties": properties}]
    }


def _response(schema: dict[str, Any], codes: Iterable[Code]) -> dict[str, Any]:
    said = "\n".join(f"- `{code.number}` {code.message}" for code in codes)
    headers = _HEADERS | (_RETRY_AFTER if _RETRY_LATER.intersection(codes) else {})
    return {"description": said, "headers": headers, "content": {JSON: {"schema": schema}}}
