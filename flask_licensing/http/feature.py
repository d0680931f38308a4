"""What a feature adds to an app, as one value; :data:`flask_licensing.features.FEATURES` lists them all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import click

    from flask_licensing.core.state import Check
    from flask_licensing.http.endpoint import Endpoint
    from flask_licensing.http.published import Published


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One thing that the system knows, whole.

    ``groups`` are Protocols: a key store has all methods of a group, or none. ``endpoints`` and ``documents`` are what
    the app answers, ``commands`` those of ``flask licensing``, ``checks`` what ``flask licensing check`` looks at, by
    name, and ``audit_actions`` what the feature records.
    """

    groups: tuple[type, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    documents: tuple[Published, ...] = ()
    commands: tuple[click.Command, ...] = ()
    checks: Mapping[str, Check] = field(default_factory=dict)
    audit_actions: tuple[str, ...] = ()
