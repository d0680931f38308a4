"""Counting in a storage that several processes share, with the library of Flask-Limiter."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import limits.errors
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from flask_licensing.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from limits import RateLimitItem

STORAGE_TIMEOUT_SECONDS = 0.5
"""How long Redis may take to answer; the options of the storage may say otherwise."""

OUTAGE_SECONDS = 5.0
"""For how long a storage that failed is not asked again."""

_logger = logging.getLogger(__name__)


def open_storage(url: str, options: Mapping[str, Any]) -> Storage:
    """Return the storage at a URL of :mod:`limits`; nothing connects yet. ``options`` are the storage's own.

    Raises:
        ConfigurationError: the URL names no storage, or one whose driver is not installed.

    """
    timeouts = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), STORAGE_TIMEOUT_SECONDS)
    defaults = timeouts if urlsplit(url).scheme.startswith(("redis", "valkey")) else {}
    try:
        storage = storage_from_string(url, **{**defaults, **options})
    except limits.errors.ConfigurationError as error:
        # The message of an unknown scheme repeats the URL, and with it a password.
        reason = "unknown scheme" if url in str(error) else str(error)
        raise ConfigurationError(f"The storage of rate limits can't be used: {reason}.") from None
    if not isinstance(storage, Storage):
        raise ConfigurationError("The storage of rate limits can't be an asynchronous one.")
    return storage


class StoredLimits:
    """Permits what several limits permit at once, in windows that begin with the first event.

    Where the storage fails it is not asked for :data:`OUTAGE_SECONDS`, the log says so, and everything is permitted.
    """

    def __init__(self, storage: Storage, permitted: Sequence[RateLimitItem], namespace: str) -> None:
        self._limiter = FixedWindowRateLimiter(storage)
        self._permitted = permitted
        self._namespace = namespace
        own = storage.base_exceptions
        self._failures: tuple[type[Exception], ...] = (*(own if isinstance(own, tuple) else (own,)), OSError)
        self._ask_again_at = 0.0

    def hit(self, key: str) -> int | None:
        """Count one more; return ``None`` within the limits, and over one the seconds until it begins again."""
        if time.monotonic() < self._ask_again_at:
            return None
        try:
            return self._hit(quote(key, safe=":", errors="surrogatepass"))
        except self._failures as error:
            self._ask_again_at = time.monotonic() + OUTAGE_SECONDS
            _logger.warning(
                "the storage of rate limits failed (%s) and is not asked for %g seconds",
                type(error).__name__,
                OUTAGE_SECONDS,
            )
            return None

    def _hit(self, key: str) -> int | None:
        for limit in self._permitted:
            if not self._limiter.hit(limit, self._namespace, key):
                reset_time, _ = self._limiter.get_window_stats(limit, self._namespace, key)
                # Redis tells whole seconds, rounded.
                return min(limit.get_expiry(), math.ceil(reset_time - time.time()) + 1)
        return None
