"""The fields of generators, which host code and commands give, and those of ``generate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from marshmallow import ValidationError, fields, validates_schema

from flask_licensing.core.domain import MAX_TEXT_LENGTH, MAX_VALIDITY_DAYS
from flask_licensing.core.fields import Choice, RecordId, RequestSchema, Text, WholeNumber
from flask_licensing.core.readable_keys import SYMBOLS, is_grouped
from flask_licensing.generators.store import GeneratorMethod

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_GENERATED = 1000
"""Most license keys that are generated for one request (contract section 5)."""

CHARSET = "0123456789ABCDEF"

REPEATED_CHARACTERS = "The charset field must have each character once."
SHORT_CHARSET = "The charset field must have at least 2 characters."
UNSEEN_CHARACTERS = "The charset field must not have spaces or characters that nobody sees."
UNREADABLE = (
    f"The {{name}} of readable license keys consists of {SYMBOLS} and dashes, in groups of {{length}} symbols counted"
    " from the end, of which the first may be shorter."
)
UNREADABLE_GROUPS = f"Readable license keys have groups of up to {len(SYMBOLS)} symbols."


class GivenGenerator(TypedDict, total=False):
    """What host code may give of a generator, to be checked; what is not given, or ``None``, is absent."""

    prefix: str | None
    suffix: str | None
    function_name: str | None
    number_of_chunks: int | None
    chunk_length: int | None
    charset: str | None
    activation_limit: int | None
    validity: int | None
    active: bool | None


class GeneratorSchema(RequestSchema):
    """Everything of a generator but its id and times; one that is not ``chunk-system`` has a charset all the same."""

    product_id = RecordId(required=True)
    method = Choice(GeneratorMethod, required=True)
    prefix = Text(load_default="")
    suffix = Text(load_default="")
    function_name = Text(load_default="")
    number_of_chunks = WholeNumber(minimum=1, maximum=MAX_TEXT_LENGTH, load_default=4)
    chunk_length = WholeNumber(minimum=1, maximum=MAX_TEXT_LENGTH, load_default=4)
    charset = Text(load_default=CHARSET)
    activation_limit = WholeNumber(required=True)
    validity = WholeNumber(required=True, maximum=MAX_VALIDITY_DAYS)
    active = fields.Boolean(load_default=True)

    @validates_schema(skip_on_field_errors=True)
    def _require_a_charset(self, data: Mapping[str, Any], **_: object) -> None:
        charset: str = data["charset"]
        wrong = [
            (REPEATED_CHARACTERS, len(set(charset)) != len(charset)),
            (SHORT_CHARSET, len(charset) < 2),  # noqa: PLR2004 - one character makes one license key
            (UNSEEN_CHARACTERS, not charset.isprintable() or " " in charset),
        ]
        if sentences := [sentence for sentence, is_wrong in wrong if is_wrong]:
            raise ValidationError(sentences, "charset")

    @validates_schema(skip_on_field_errors=True)
    def _require_symbols_that_can_be_read(self, data: Mapping[str, Any], **_: object) -> None:
        if data["method"] is not GeneratorMethod.READABLE:
            return
        length: int = data["chunk_length"]
        if length > len(SYMBOLS):
            raise ValidationError(UNREADABLE_GROUPS, "chunk_length")
        group = "0" * length
        for name, text in (("prefix", data["prefix"] + group), ("suffix", group + data["suffix"])):
            if not is_grouped(text, length):
                raise ValidationError(UNREADABLE.format(name=name, length=length), name)


class GenerateSchema(RequestSchema):
    """The fields of ``generate``."""

    generator_id = RecordId(required=True)
    quantity = WholeNumber(required=True, minimum=1, maximum=MOST_GENERATED)
