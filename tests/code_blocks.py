"""The fenced code blocks of Markdown pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FENCED = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)


def code_blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of one language, in the order of the page."""
    return [found["code"] for found in _FENCED.finditer(page.read_text()) if found["language"] == language]
