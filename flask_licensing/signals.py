"""The signals the package sends, with the Flask app as sender.

They are sent after the commit. A receiver that raises is logged and changes nothing else; what it returns means
nothing. Signals that another process should rely on do not exist: subscribe in the app that creates.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from blinker import Namespace

if TYPE_CHECKING:
    from blinker import NamedSignal
    from flask import Flask

_logger = logging.getLogger(__name__)
_signals = Namespace()

license_keys_created = _signals.signal("license-keys-created")
"""License keys were created: ``batch`` is the :class:`~flask_licensing.domain.LicenseKeyBatch` as sent, ``result`` the
:class:`~flask_licensing.domain.CreationResult`, ``caller`` the id of who called, ``None`` for host code."""


def send_after_commit(signal: NamedSignal, app: Flask, **payload: object) -> None:
    """Send ``signal`` to each of its receivers; log those that raise."""
    for receiver in signal.receivers_for(app):
        try:
            receiver(app, **payload)
        except Exception:
            _logger.exception("a receiver of the signal %s failed", signal.name)
