"""The ``flask licensing`` commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask.cli import AppGroup

if TYPE_CHECKING:
    from flask_licensing.extension import Licensing


def create_commands(_licensing: Licensing) -> AppGroup:
    """Return the group of commands, which has none yet."""
    return AppGroup("licensing")
