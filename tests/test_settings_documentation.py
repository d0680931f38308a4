"""The table of settings in the documentation is that of the code."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from flask_licensing.core.settings import Settings, configuration_key

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
ROW = re.compile(
    r"^\| `(?P<key>LICENSING_\w+)` \| `(?P<argument>\w+)` \| (?P<default>[^|]+) \| (?P<meaning>[^|]+) \|$", re.M
)


def test_the_table_has_every_setting_with_its_default_and_meaning_and_no_other() -> None:
    documented = [found.groupdict() for found in ROW.finditer(PAGE.read_text())]
    assert documented == [
        {
            "key": configuration_key(setting.name),
            "argument": setting.name,
            "default": f"`{setting.default!r}`",
            "meaning": setting.metadata["meaning"],
        }
        for setting in dataclasses.fields(Settings)
    ]
