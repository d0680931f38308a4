"""What requests look like: marshmallow schemas that turn fields as sent into checked values (contract sections 3, 4).

The sentences follow the API's own: ``The activation limit field is required.``
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from marshmallow import (
    EXCLUDE,
    Schema,
    ValidationError,
    fields,
    post_load,
    pre_load,
    validate,
    validates_schema,
)

from flask_licensing.domain import (
    EARLIEST_DATE,
    MAX_INTEGER,
    MAX_TEXT_LENGTH,
    MAX_VALIDITY_DAYS,
    LicenseKeyBatch,
    LicenseKeyStatus,
    LicenseKeyTerms,
    naive_utc,
)
from flask_licensing.errors import IncorrectData, RequestTooLarge
from flask_licensing.json_values import TooManyValues, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REPEATED: Final = object()
"""Stands for the value of a field that was sent more than once."""

NAMED_WRONG_LICENSE_KEYS = 5
"""How many wrong license keys an error names by position; the others are counted."""

MAX_COMPARED_VALUES = 100_000
"""Most values of a wrong array that is compared with another way to write it."""

_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ASCII_DIGITS = re.compile(r"-?[0-9]+", re.ASCII)
DATE_AND_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?P<separator>[ T])\d\d:\d\d:\d\d(?:\.\d+)?(?P<offset>Z|[+-]\d\d:?\d\d)?", re.ASCII
)


class _LabelledField(fields.Field[Any]):
    """A field whose sentences can name it, and which refuses to be sent twice."""

    default_error_messages = {
        "required": "The {label} field is required.",
        "null": "The {label} field is required.",
        "repeated": "The {label} field must be sent only once.",
        "not_text": "The {label} field must be text without control characters.",
        "string": "The {label} field must be a string.",
        "too_long": "The {label} field must not be longer than {limit} characters.",
    }

    def make_error(self, key: str, **details: Any) -> ValidationError:
        return super().make_error(key, label=(self.name or "").replace("_", " "), **details)

    def deserialize(self, value: Any, *arguments: Any, **keywords: Any) -> Any:
        if value is REPEATED:
            raise self.make_error("repeated")
        return super().deserialize(value, *arguments, **keywords)


class Text(_LabelledField):
    """Up to 255 characters of Unicode without control characters."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("string")
        if _NOT_TEXT.search(value):
            raise self.make_error("not_text")
        if len(value) > MAX_TEXT_LENGTH:
            raise self.make_error("too_long", limit=MAX_TEXT_LENGTH)
        return value


class EmailAddress(Text):
    """A text that marshmallow takes for an e-mail address."""

    default_error_messages = {"email": "The {label} field must be a valid email address."}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            validate.Email()(text)
        except ValidationError:
            raise self.make_error("email") from None
        return text


class WholeNumber(_LabelledField):
    """A JSON integer, or plain ASCII digits as text, from ``minimum`` to ``maximum``."""

    default_error_messages = {
        "integer": "The {label} field must be an integer.",
        "too_small": "The {label} field must be at least {limit}.",
        "too_large": "The {label} field must not be greater than {limit}.",
    }

    def __init__(self, *, minimum: int = 0, maximum: int = MAX_INTEGER, **options: Any) -> None:
        super().__init__(**options)
        self.minimum = minimum
        self.maximum = maximum

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        number = self._integer(value)
        if number < self.minimum:
            raise self.make_error("too_small", limit=self.minimum)
        if number > self.maximum:
            raise self.make_error("too_large", limit=self.maximum)
        return number

    def _integer(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if not isinstance(value, str) or not _ASCII_DIGITS.fullmatch(value):
            raise self.make_error("integer")
        # Python refuses to convert thousands of digits; a number of thirty is out of every range.
        magnitude = int(value.lstrip("-").lstrip("0")[:30] or "0")
        return -magnitude if value.startswith("-") else magnitude


UNKNOWN_PRODUCT = "The selected product id is invalid."
"""What is said of an id that names no product (contract section 4)."""


class ProductId(WholeNumber):
    """The id of a product; whatever can't be one is answered like a product that does not exist."""

    default_error_messages = dict.fromkeys(("integer", "too_small", "too_large"), UNKNOWN_PRODUCT)  # as above


_STATUSES = {status.value: status for status in LicenseKeyStatus}


class Status(_LabelledField):
    """One of the four statuses of contract section 4."""

    default_error_messages = {"unknown": "The selected {label} is invalid."}

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> LicenseKeyStatus:
        # An enum that does not know a value shows it in its error, of whatever size it is.
        if not isinstance(value, str) or value not in _STATUSES:
            raise self.make_error("unknown")
        return _STATUSES[value]


class Moment(_LabelledField):
    """``YYYY-MM-DD HH:MM:SS`` in UTC, or ISO 8601 with an offset; naive UTC without microseconds.

    Host code may give a :class:`~datetime.datetime`, aware or naive UTC.
    """

    default_error_messages = {
        "format": "The {label} field must be YYYY-MM-DD HH:MM:SS in UTC, or ISO 8601 with an offset.",
        "range": "The {label} field must be a date from the year {first} to 9999.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        moment = value if isinstance(value, datetime) else self._parse(value)
        try:
            naive = naive_utc(moment)
        except OverflowError:
            raise self.make_error("range", first=EARLIEST_DATE.year) from None
        if naive < EARLIEST_DATE:
            raise self.make_error("range", first=EARLIEST_DATE.year)
        return naive.replace(microsecond=0)

    def _parse(self, value: object) -> datetime:
        found = DATE_AND_TIME.fullmatch(value) if isinstance(value, str) else None
        if found is None or (found["offset"] is None and found["separator"] == "T"):
            raise self.make_error("format")
        try:
            return datetime.fromisoformat(found[0])
        except ValueError:
            raise self.make_error("format") from None


LICENSE_KEY_RULE = f"a string of 1 to {MAX_TEXT_LENGTH} characters without control characters"
"""What a license key has to be, once trimmed (contract section 4)."""


def is_license_key(text: str) -> bool:
    """Whether a trimmed text can be a license key."""
    return 0 < len(text) <= MAX_TEXT_LENGTH and _NOT_TEXT.search(text) is None


def are_plain_license_keys(texts: Sequence[str]) -> bool:
    """Whether all of one or more are license keys at a glance, many times faster than looking at each of them.

    Printable is never a control. Where the answer is no, :func:`is_license_key` tells which are none, if any.
    """
    lengths = set(map(len, texts))
    return min(lengths) > 0 and max(lengths) <= MAX_TEXT_LENGTH and "".join(texts).isprintable()


def has_invisible(license_key: str) -> bool:
    """Whether a license key has characters that nobody sees, as zero-width and no-break spaces; it may."""
    return not license_key.isprintable()


def invisible_sentence(count: int) -> str:
    """Return what is said of so many license keys with such characters."""
    return f"{count} license keys have characters that nobody sees, as zero-width spaces; they were taken as they are."


def _trimmed(sent: list[Any]) -> tuple[str, ...]:
    """Return the texts sent without white space around them; what is none becomes an empty one, which is wrong too."""
    try:
        return tuple(map(str.strip, sent))
    except TypeError:
        return tuple(key.strip() if isinstance(key, str) else "" for key in sent)


class LicenseKeys(_LabelledField):
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

    def _wrong_license_keys(self, positions: list[int]) -> ValidationError:
        named = positions[:NAMED_WRONG_LICENSE_KEYS]
        errors = [self.make_error("wrong", position=position, rule=LICENSE_KEY_RULE) for position in named]
        if len(positions) > len(named):
            errors.append(self.make_error("more_wrong", count=len(positions)))
        return ValidationError([str(sentence) for error in errors for sentence in error.messages])


class LicenseKeyTermsSchema(Schema):
    """The fields that all license keys of a request share; ``load`` answers with :class:`LicenseKeyTerms`."""

    class Meta:
        """Unknown fields are ignored (contract section 3)."""

        unknown = EXCLUDE

    product_id = ProductId(required=True, minimum=1)
    activation_limit = WholeNumber(required=True, metadata={"description": "0 is unlimited."})
    validity = WholeNumber(
        required=True, maximum=MAX_VALIDITY_DAYS, metadata={"description": "Days; 0 does not expire."}
    )
    status = Status(required=True)
    owner_name = Text(load_default=None)
    owner_email = EmailAddress(load_default=None)
    assigned_at = Moment(load_default=None, metadata={"description": "In UTC, or ISO 8601 with an offset."})

    @pre_load
    def _drop_empty_fields(self, data: Mapping[str, Any], **_: object) -> dict[str, Any]:
        trimmed = {name: value.strip() if isinstance(value, str) else value for name, value in data.items()}
        return {name: value for name, value in trimmed.items() if value is not None and value != ""}

    @validates_schema(skip_on_field_errors=True)
    def _require_an_expiry_date(self, data: Mapping[str, Any], **_: object) -> None:
        assigned_at: datetime | None = data.get("assigned_at")
        if assigned_at and timedelta(days=data.get("validity", 0)) > datetime.max - assigned_at:
            raise ValidationError("The validity field puts the expiry date past the year 9999.", "validity")

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


@dataclass(frozen=True)
class LoadedFields:
    """The fields of a request as a schema reads them: ``value`` is what it makes of them.

    Where some are wrong, ``value`` is ``None``, ``errors`` has each wrong field's sentences, ``readable`` the values of
    the other fields, and ``wrong`` what was sent for these.
    """

    value: Any = None
    errors: Mapping[str, list[str]] = field(default_factory=dict)
    readable: Mapping[str, Any] = field(default_factory=dict)
    wrong: Mapping[str, Any] = field(default_factory=dict)

    @property
    def payload(self) -> object:
        """What makes two requests the same for an ``Idempotency-Key``: what was read, not how it was written."""
        if not self.errors:
            return self.value
        return [self.readable, {name: _as_json(sent) for name, sent in self.wrong.items()}]


def load_fields(schema: Schema, sent: Mapping[str, Any]) -> LoadedFields:
    """Return the fields that were sent as the schema reads them."""
    try:
        return LoadedFields(schema.load(sent))
    except ValidationError as error:
        errors = sentences_of(error)
        wrong = {name: sent.get(name) for name in errors}
        return LoadedFields(None, errors, cast("dict[str, Any]", error.valid_data), wrong)


def _as_json(sent: object) -> object:
    """Return a wrong value so that a form's text and the integer or array of a JSON body are the same."""
    if not isinstance(sent, str):
        return sent
    text = sent.strip()
    try:
        value = read_json(text, max_values=MAX_COMPARED_VALUES)
    except ValueError:
        value = None
    return value if type(value) is int or isinstance(value, list) else text or None


def sentences_of(error: ValidationError) -> dict[str, list[str]]:
    """Return what a schema found wrong: each field's sentences."""
    return cast("dict[str, list[str]]", error.messages)


class _NamedSchema(Schema):
    name = Text(required=True)


def check_name(name: object) -> str:
    """Return the trimmed name of a product or an API key.

    Raises:
        IncorrectData: it is empty, longer than 255 characters, or not text.

    """
    given = name.strip() if isinstance(name, str) else name
    try:
        loaded: dict[str, str] = _NamedSchema().load({"name": given} if given else {})
    except ValidationError as error:
        raise IncorrectData(sentences_of(error)) from None
    return loaded["name"]
