"""The fields of license keys: the keys themselves, and the terms they are created with (contract section 4)."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError, fields, post_load, validates_schema

from flask_licensing.core.domain import MAX_TEXT_LENGTH, MAX_VALIDITY_DAYS
from flask_licensing.core.fields import (
    NOT_TEXT,
    Choice,
    EmailAddress,
    LabelledField,
    Moment,
    RecordId,
    RequestSchema,
    Text,
    WholeNumber,
)
from flask_licensing.core.json_values import read_json
from flask_licensing.errors import RequestTooLarge, TooManyValues
from flask_licensing.license_keys.store import TERMS, LicenseKeyBatch, LicenseKeyStatus, LicenseKeyTerms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST_ITEMS = 1000
"""Most license keys on a page of a list."""

NO_EXPIRY_DATE = "The validity field puts the expiry date past the year 9999."

NAMED_WRONG_LICENSE_KEYS = 5
"""How many wrong license keys an error names by position; the others are counted."""

LICENSE_KEY_RULE = f"a string of 1 to {MAX_TEXT_LENGTH} characters without control characters"
"""The rule for a license key, after trimming (contract section 4)."""


def is_license_key(text: str) -> bool:
    """Whether a trimmed text can be a license key."""
    return 0 < len(text) <= MAX_TEXT_LENGTH and NOT_TEXT.search(text) is None


def are_plain_license_keys(texts: Sequence[str]) -> bool:
    """Whether one or more texts are all valid license keys, by a check that is many times faster than one by one.

    A printable text has no control characters. If this is false, :func:`is_license_key` finds the invalid ones, if any.
    """
    lengths = set(map(len, texts))
    return min(lengths) > 0 and max(lengths) <= MAX_TEXT_LENGTH and "".join(texts).isprintable()


def has_invisible(license_key: str) -> bool:
    """Whether a license key has invisible characters, such as zero-width and no-break spaces, which are allowed."""
    return not license_key.isprintable()


def invisible_sentence(count: int) -> str:
    """Return the sentence about so many license keys with invisible characters."""
    return f"{count} license keys have characters that nobody sees, as zero-width spaces; they were taken as they are."


def _trimmed(sent: list[Any]) -> tuple[str, ...]:
    """Return the texts without white space around them; a value that is no text becomes an empty one, equally wrong."""
    try:
        return tuple(map(str.strip, sent))
    except TypeError:
        return tuple(key.strip() if isinstance(key, str) else "" for key in sent)


class LicenseKeys(LabelledField):
    """An array of license keys, or its JSON as text; each 1 to 255 characters once trimmed."""

    default_error_messages = {
        "array": "The {label} field must be a JSON array of strings.",
        "wrong": "The license key at position {position} must be {rule}.",
        "more_wrong": "{count} license keys are wrong in all.",
    }
    limit: int | None = None

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[str, ...]:
        sent = self._array(value)
        if not sent:
            raise self.make_error("required")
        if self.limit is not None and len(sent) > self.limit:
            raise RequestTooLarge(f"A request takes at most {self.limit} license keys; this one has more")
        trimmed = _trimmed(sent)
        if not are_plain_license_keys(trimmed):
            wrong = [position for position, key in enumerate(trimmed, start=1) if not is_license_key(key)]
            if wrong:
                raise self._wrong_license_keys(wrong)
        return trimmed

    def _array(self, value: object) -> list[object]:
        if isinstance(value, str):
            try:
                value = read_json(value, max_values=sys.maxsize if self.limit is None else self.limit + 1)
            except TooManyValues:
                raise RequestTooLarge(f"A request takes at most {self.limit} license keys; this one has more") from None
            except ValueError:
                raise self.make_error("array") from None
        if not isinstance(value, list):
            raise self.make_error("array")
        return value

    def json_schema(self) -> dict[str, Any]:
        array = {"type": "array", "items": Text().json_schema() | {"minLength": 1}, "minItems": 1}
        return array if self.limit is None else array | {"maxItems": self.limit}

    def _wrong_license_keys(self, positions: list[int]) -> ValidationError:
        named = positions[:NAMED_WRONG_LICENSE_KEYS]
        errors = [self.make_error("wrong", position=position, rule=LICENSE_KEY_RULE) for position in named]
        if len(positions) > len(named):
            errors.append(self.make_error("more_wrong", count=len(positions)))
        return ValidationError([str(sentence) for error in errors for sentence in error.messages])


def refuse_unknown_terms(names: Iterable[str]) -> None:
    """Raise :class:`TypeError`, as a function with these parameters would, for a name that is no term."""
    if unknown := set(names).difference(TERMS):
        raise TypeError(f"{', '.join(sorted(unknown))}: no term of license keys; these are {', '.join(TERMS)}")


class LicenseKeyTermsSchema(RequestSchema):
    """The fields that all license keys of a request share; ``load`` answers with :class:`LicenseKeyTerms`."""

    product_id = RecordId(required=True)
    activation_limit = WholeNumber(required=True, metadata={"description": "0 is unlimited."})
    validity = WholeNumber(
        required=True, maximum=MAX_VALIDITY_DAYS, metadata={"description": "Days; 0 does not expire."}
    )
    status = Choice(LicenseKeyStatus, required=True)
    owner_name = Text(load_default=None)
    owner_email = EmailAddress(load_default=None)
    assigned_at = Moment(load_default=None, metadata={"description": "In UTC, or ISO 8601 with an offset."})

    @validates_schema(skip_on_field_errors=True)
    def _require_an_expiry_date(self, data: Mapping[str, Any], **_: object) -> None:
        assigned_at: datetime | None = data.get("assigned_at")
        if assigned_at and timedelta(days=data.get("validity", 0)) > datetime.max - assigned_at:
            raise ValidationError(NO_EXPIRY_DATE, "validity")

    @post_load
    def _to_dataclass(self, data: dict[str, Any], **_: object) -> LicenseKeyTerms | LicenseKeyBatch:
        return LicenseKeyTerms(**data)


class CreateLicenseKeysSchema(LicenseKeyTermsSchema):
    """The fields of ``create-license-keys``; ``load`` answers with a :class:`LicenseKeyBatch`.

    ``max_license_keys`` is the most license keys in one request, ``None`` for no limit; more raise
    :class:`~flask_licensing.errors.RequestTooLarge`.
    """

    license_keys = LicenseKeys(required=True)

    def __init__(self, *, max_license_keys: int | None) -> None:
        self.max_license_keys = max_license_keys
        super().__init__()

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Give the license keys field of this schema its limit."""
        super().on_bind_field(field_name, field_obj)
        if isinstance(field_obj, LicenseKeys):
            field_obj.limit = self.max_license_keys

    @post_load
    def _to_dataclass(self, data: dict[str, Any], **_: object) -> LicenseKeyBatch:
        license_keys = data.pop("license_keys")
        return LicenseKeyBatch(license_keys, LicenseKeyTerms(**data))


class LicenseKeyChangesSchema(LicenseKeyTermsSchema):
    """The fields of ``update-license-key``; ``load`` answers with the terms that were sent, by name."""

    license_key = Text()

    def __init__(self) -> None:
        super().__init__(partial=True)

    @post_load
    def _to_dataclass(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        return data


class LicenseKeyListSchema(RequestSchema):
    """The fields of ``get-license-keys``."""

    product_id = RecordId(load_default=None)
    status = Choice(LicenseKeyStatus, load_default=None)
    owner_email = Text(load_default=None)
    owner_name = Text(load_default=None)
    license_key = Text(load_default=None)
    page = WholeNumber(minimum=1, load_default=1)
    items_per_page = WholeNumber(minimum=1, maximum=MOST_ITEMS, load_default=10)
    after = WholeNumber(load_default=0, metadata={"description": "The id after which the list begins."})
