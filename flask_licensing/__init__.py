"""Software licensing for any Flask site.

:class:`Licensing` is the extension. Names are imported when they are first used, so that
:mod:`flask_licensing.verification` works where neither Flask nor SQLAlchemy is installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from flask_licensing._version import __version__

if TYPE_CHECKING:
    from flask_licensing.errors import ConfigurationError, IncorrectData, LicensingError
    from flask_licensing.extension import Licensing
    from flask_licensing.signals import license_keys_created

__all__ = [
    "ConfigurationError",
    "IncorrectData",
    "Licensing",
    "LicensingError",
    "__version__",
    "license_keys_created",
]

_HOMES = {
    "ConfigurationError": "errors",
    "IncorrectData": "errors",
    "Licensing": "extension",
    "LicensingError": "errors",
    "license_keys_created": "signals",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
