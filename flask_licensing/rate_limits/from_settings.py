"""From settings to the limiter of one app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_licensing.core.settings import configuration_key
from flask_licensing.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from limits import RateLimitItem

    from flask_licensing.core.settings import Settings
    from flask_licensing.core.state import RequestLimiter

FLASK_LIMITER_URL = "RATELIMIT_STORAGE_URI"
FLASK_LIMITER_OPTIONS = "RATELIMIT_STORAGE_OPTIONS"

_IN_PROCESS = "memory://"


class NoLimit:
    """Lets everything through."""

    def hit(self, key: str) -> None:
        """Count nothing."""


def build_limiter(settings: Settings, config: Mapping[str, Any]) -> RequestLimiter:
    """Return what limits the requests of each caller of the app with this configuration.

    Raises:
        ConfigurationError: a setting is wrong, or asks for the extra ``rate-limiting``, which is not installed.

    """
    own_url = settings.rate_limit_storage_url
    if settings.rate_limit is None and own_url is None:
        return NoLimit()
    try:
        from flask_licensing.rate_limits.stored import StoredLimits, open_storage
    except ImportError as error:
        raise ConfigurationError(_missing_extra(settings)) from error
    url = own_url or config.get(FLASK_LIMITER_URL) or _IN_PROCESS
    storage = open_storage(url, {} if own_url else config.get(FLASK_LIMITER_OPTIONS) or {})
    if settings.rate_limit is None:
        return NoLimit()
    return StoredLimits(storage, _parse(settings.rate_limit), f"{settings.rate_limit_key_prefix}:requests")


def _missing_extra(settings: Settings) -> str:
    setting = "rate_limit_storage_url" if settings.rate_limit is None else "rate_limit"
    return f"{configuration_key(setting)} needs Flask-Limiter: pip install 'flask-licensing[rate-limiting]'."


def _parse(rate_limit: str) -> Sequence[RateLimitItem]:
    from limits import parse_many

    try:
        permitted = parse_many(rate_limit)
    except ValueError as error:
        raise ConfigurationError(f"{configuration_key('rate_limit')} is wrong: {error}.") from None
    if not all(limit.amount for limit in permitted):
        raise ConfigurationError(f"{configuration_key('rate_limit')} is wrong: it permits nothing.")
    return permitted
