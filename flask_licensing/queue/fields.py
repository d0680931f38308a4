"""The fields of a request whose answer is delivered to a webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_licensing.assignment.fields import RandomAssignmentSchema
from flask_licensing.core.fields import LabelledField, Text
from flask_licensing.core.public_addresses import refuse_what_a_host_tells
from flask_licensing.core.urls import MAX_URL_LENGTH, URL_PATTERN, read_webhook_url
from flask_licensing.errors import WebhookRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from marshmallow import fields

    from flask_licensing.core.networks import IpNetwork


class WebhookAddress(LabelledField):
    """An HTTP or HTTPS URL, in ASCII and without user and password, that does not lead into the site's own network.

    A name is not resolved here, as that may take long and come out otherwise later: it is checked at each delivery.
    """

    default_error_messages = {
        "url": "The {label} field must be an HTTP or HTTPS URL of up to {limit} ASCII characters, without a user.",
        "refused": "The {label} field must not lead into the site's own network.",
    }
    allowed: Sequence[IpNetwork] = ()

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("url", limit=MAX_URL_LENGTH)
        try:
            refuse_what_a_host_tells(read_webhook_url(value).host, self.allowed)
        except ValueError:
            raise self.make_error("url", limit=MAX_URL_LENGTH) from None
        except WebhookRefused:
            raise self.make_error("refused") from None
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "uri", "maxLength": MAX_URL_LENGTH, "pattern": f"^{URL_PATTERN}$"}


class QueuedAssignmentSchema(RandomAssignmentSchema):
    """The fields of ``random-assign-license-keys-queued``; ``allowed`` are networks that webhooks may lead into."""

    webhook_url = WebhookAddress(required=True)
    identifier = Text(required=True)

    def __init__(self, allowed: Sequence[IpNetwork]) -> None:
        self.allowed = allowed
        super().__init__()

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Give the field of the URL what it may lead to."""
        super().on_bind_field(field_name, field_obj)
        if isinstance(field_obj, WebhookAddress):
            field_obj.allowed = self.allowed
