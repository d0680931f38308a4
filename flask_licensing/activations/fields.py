"""The fields of a question about a license key."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flask_licensing.core.fields import RequestSchema, Text, load_fields
from flask_licensing.errors import IncorrectData

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask_licensing.core.fields import LoadedFields


class QuestionSchema(RequestSchema):
    """Which license key, used by which identifier."""

    license_key = Text(load_default="")
    identifier = Text(load_default="")
    nonce = Text(load_default=None, metadata={"description": "What is signed repeats it, and what was asked about."})


class Asked(NamedTuple):
    """A question as it is read: a license key and an identifier that can't be one are empty."""

    license_key: str
    identifier: str
    nonce: str | None


def read_texts(sent: LoadedFields) -> Mapping[str, str | None]:
    """Return fields by name; a license key and an identifier that can't be one are empty.

    Raises:
        IncorrectData: another field is wrong.

    """
    wrong = {name: sentences for name, sentences in sent.errors.items() if name not in {"license_key", "identifier"}}
    if wrong:
        raise IncorrectData(wrong)
    return {**dict.fromkeys(sent.errors, ""), **sent.readable} if sent.errors else sent.value


def read_question(sent: LoadedFields) -> Asked:
    """Return the question that fields ask.

    Raises:
        IncorrectData: the nonce can't be repeated.

    """
    texts = read_texts(sent)
    return Asked(texts["license_key"] or "", texts["identifier"] or "", texts["nonce"])


def question(license_key: str, identifier: str) -> Asked:
    """Return the question that host code asks, read as that of a request."""
    return read_question(load_fields(QuestionSchema(), {"license_key": license_key, "identifier": identifier}))
