"""How many values a JSON document has, found out before it is read: each takes many times its own bytes in memory."""

from __future__ import annotations

import re
from itertools import islice

# A string ends with the document where it is not closed. Nothing in here is tried twice, so that time stays linear.
_STRING_OR_NEXT_VALUE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|([,\[{])', re.DOTALL)


def has_more_values(document: str, limit: int) -> bool:
    """Whether a JSON document has more than ``limit`` values, by its commas and opening brackets outside of strings."""
    if document.count(",") + document.count("[") + document.count("{") <= limit:
        return False
    values = (found for found in _STRING_OR_NEXT_VALUE.finditer(document) if found[1])
    return next(islice(values, limit, None), None) is not None
