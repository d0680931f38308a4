"""Signals of the package, and how they are sent."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from blinker import Namespace

if TYPE_CHECKING:
    from blinker import NamedSignal
    from flask import Flask

_logger = logging.getLogger(__name__)
signals = Namespace()
"""Where each feature makes its signals."""


def send_after_commit(signal: NamedSignal, app: Flask, **payload: object) -> None:
    """Send ``signal`` to each of its receivers; log those that raise."""
    for receiver in signal.receivers_for(app):
        try:
            receiver(app, **payload)
        except Exception:
            _logger.exception("a receiver of the signal %s failed", signal.name)
