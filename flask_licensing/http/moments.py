"""How answers write moments (contract section 5)."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from marshmallow import fields

if TYPE_CHECKING:
    from datetime import datetime

DATE_AND_TIME = "%Y-%m-%d %H:%M:%S"


def moment(name: str, form: str) -> fields.Field[Any]:
    """Return the field of an answer that is the time by this name, ``null`` if there is none, in UTC."""
    read = attrgetter(name)

    def write(record: object) -> str | None:
        value: datetime | None = read(record)
        return None if value is None else value.strftime(form)

    return fields.Function(write, required=True, metadata={"type": ["string", "null"]})
