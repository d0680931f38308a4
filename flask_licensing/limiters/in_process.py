"""Counting in this process alone, in bounded memory."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from flask_licensing.hooks import Clock

MAX_KEYS = 10_000
"""How many keys are counted at once; beyond that the one whose window began first is forgotten. About 3 MB."""


@dataclass
class _Window:
    began_at: datetime
    count: int = 0


class InProcessLimiter:
    """Permits ``amount`` events by each key in a window of ``seconds`` that begins with the first of them."""

    def __init__(self, amount: int, seconds: float, clock: Clock) -> None:
        self._amount = amount
        self._length = timedelta(seconds=seconds)
        self._clock = clock
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._lock = threading.Lock()

    def hit(self, key: str) -> int | None:
        """Count one more; return ``None`` within the limit, and over it the seconds until it begins anew."""
        now = self._clock()
        with self._lock:
            window = self._window(key, now)
            window.count += 1
            if window.count <= self._amount:
                return None
            return max(1, math.ceil((window.began_at + self._length - now).total_seconds()))

    def _window(self, key: str, now: datetime) -> _Window:
        window = self._windows.get(key)
        # A clock set back must not stretch a window.
        if window is not None and timedelta() <= now - window.began_at < self._length:
            return window
        self._windows.pop(key, None)
        if len(self._windows) >= MAX_KEYS:
            self._windows.popitem(last=False)
        window = self._windows[key] = _Window(now)
        return window
