"""The fields of requests: marshmallow fields and a base schema that turn what was sent into checked values.

The sentences follow the API's own: ``The activation limit field is required.``
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from flask_licensing.core.domain import EARLIEST_DATE, MAX_INTEGER, MAX_TEXT_LENGTH, naive_utc
from flask_licensing.core.json_values import read_json
from flask_licensing.errors import IncorrectData

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

REPEATED: Final = object()
"""Stands for the value of a field that was sent more than once."""

MAX_COMPARED_VALUES = 100_000
"""Most values of a wrong array that is compared with another way to write it."""

NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""A character that no text of a request may have: controls, and halves of characters."""

NOT_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""A character that no text of several lines may have: as :data:`NOT_TEXT`, but for tabs and the ends of lines."""

_ASCII_DIGITS = re.compile(r"-?[0-9]+", re.ASCII)
_DATE_AND_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?P<separator>[ T])\d\d:\d\d:\d\d(?:\.\d+)?(?P<offset>Z|[+-]\d\d:?\d\d)?", re.ASCII
)


class LabelledField(fields.Field[Any]):
    """A field that names itself in its sentences, describes itself, and refuses to be sent twice."""

    default_error_messages = {
        "required": "The {label} field is required.",
        "null": "The {label} field is required.",
        "repeated": "The {label} field must be sent only once.",
    }

    def make_error(self, key: str, **details: Any) -> ValidationError:
        return super().make_error(key, label=(self.name or "").replace("_", " "), **details)

    def deserialize(self, value: Any, *arguments: Any, **keywords: Any) -> Any:
        if value is REPEATED:
            raise self.make_error("repeated")
        return super().deserialize(value, *arguments, **keywords)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the value that is sent."""
        raise NotImplementedError


class Text(LabelledField):
    """Up to ``limit`` characters of Unicode without control characters; with ``lines``, of several lines."""

    default_error_messages = {
        "string": "The {label} field must be a string.",
        "not_text": "The {label} field must be text without control characters.",
        "too_long": "The {label} field must not be longer than {limit} characters.",
    }

    def __init__(self, *, limit: int = MAX_TEXT_LENGTH, lines: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.limit = limit
        self._refused = NOT_LINES if lines else NOT_TEXT

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("string")
        if self._refused.search(value):
            raise self.make_error("not_text")
        if len(value) > self.limit:
            raise self.make_error("too_long", limit=self.limit)
        return value

    def json_schema(self) -> dict[str, Any]:
        controls = r"\u0000-\u0008\u000b\u000c\u000e-\u001f" if self._refused is NOT_LINES else r"\u0000-\u001f"
        return {"type": "string", "maxLength": self.limit, "pattern": rf"^[^{controls}\u007f-\u009f]*$"}


class EmailAddress(Text):
    """A text that marshmallow accepts as an e-mail address."""

    default_error_messages = {"email": "The {label} field must be a valid email address."}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            validate.Email()(text)
        except ValidationError:
            raise self.make_error("email") from None
        return text

    def json_schema(self) -> dict[str, Any]:
        return super().json_schema() | {"format": "email"}


class WholeNumber(LabelledField):
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

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


class RecordId(WholeNumber):
    """The id of a record, from 1 on; an invalid id gets the same answer as that of a record that does not exist."""

    default_error_messages = dict.fromkeys(("integer", "too_small", "too_large"), "The selected {label} is invalid.")

    def __init__(self, **options: Any) -> None:
        super().__init__(minimum=1, **options)


class Choice(LabelledField):
    """One of the values of an enum of texts; its member."""

    default_error_messages = {"unknown": "The selected {label} is invalid."}

    def __init__(self, choices: type[StrEnum], **options: Any) -> None:
        super().__init__(**options)
        self._choices = {choice.value: choice for choice in choices}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> StrEnum:
        # An enum that does not know a value shows it in its error, of whatever size it is.
        if not isinstance(value, str) or value not in self._choices:
            raise self.make_error("unknown")
        return self._choices[value]

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": [*self._choices]}


class Moment(LabelledField):
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
        found = _DATE_AND_TIME.fullmatch(value) if isinstance(value, str) else None
        if found is None or (found["offset"] is None and found["separator"] == "T"):
            raise self.make_error("format")
        try:
            return datetime.fromisoformat(found[0])
        except ValueError:
            raise self.make_error("format") from None

    def json_schema(self) -> dict[str, Any]:
        # The names of groups are Python's; JSON Schema has the regular expressions of ECMA 262.
        return {"type": "string", "pattern": f"^{re.sub(r'[?]P<[a-z]+>', '', _DATE_AND_TIME.pattern)}$"}


class RequestSchema(Schema):
    """The fields of a request: texts are trimmed, empty ones are absent, unknown ones ignored (contract section 3)."""

    class Meta:
        """Unknown fields are ignored."""

        unknown = EXCLUDE

    @pre_load
    def _drop_empty_fields(self, data: Mapping[str, Any], **_: object) -> dict[str, Any]:
        trimmed = {name: value.strip() if isinstance(value, str) else value for name, value in data.items()}
        return {name: value for name, value in trimmed.items() if value is not None and value != ""}


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
        errors = cast("dict[str, list[str]]", error.messages)
        wrong = {name: sent.get(name) for name in errors}
        return LoadedFields(None, errors, cast("dict[str, Any]", error.valid_data), wrong)


def _as_json(sent: object) -> object:
    """Return a wrong value so that it is the same in a JSON body and as the text that a form has for it."""
    if type(sent) is int:
        return str(sent)
    if not isinstance(sent, str):
        return _trimmed(sent)
    text = sent.strip()
    if _ASCII_DIGITS.fullmatch(text):
        magnitude = text.lstrip("-").lstrip("0")
        return f"-{magnitude}" if magnitude and text.startswith("-") else magnitude or "0"
    try:
        value = read_json(text, max_values=MAX_COMPARED_VALUES)
    except ValueError:
        value = None
    return text or None if value is None or isinstance(value, str) else _trimmed(value)


def _trimmed(value: object) -> object:
    """Return a value of JSON with its texts as they are read from any field."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return [_trimmed(item) for item in value]
    if isinstance(value, dict):
        return {name: _trimmed(item) for name, item in value.items()}
    return value


class _NameSchema(RequestSchema):
    name = Text(required=True)


def check_name(name: object) -> str:
    """Return the trimmed name of an API key.

    Raises:
        IncorrectData: it is empty, longer than 255 characters, or not text.

    """
    loaded = load_fields(_NameSchema(), {"name": name})
    if loaded.errors:
        raise IncorrectData(loaded.errors)
    return str(loaded.value["name"])
