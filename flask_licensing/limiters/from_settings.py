"""From settings to the limiters of one app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flask_licensing.config import configuration_key
from flask_licensing.errors import ConfigurationError
from flask_licensing.limiters.in_process import InProcessLimiter
from flask_licensing.services.rate_limits import NoLimit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from limits import RateLimitItem

    from flask_licensing.config import Settings
    from flask_licensing.hooks import Clock
    from flask_licensing.services.rate_limits import Limiter

MINUTE = 60

FLASK_LIMITER_URL = "RATELIMIT_STORAGE_URI"
FLASK_LIMITER_OPTIONS = "RATELIMIT_STORAGE_OPTIONS"

_IN_PROCESS = "memory://"


class Limiters(NamedTuple):
    """What limits the requests of each caller, and the failed authentications from each address."""

    requests: Limiter
    failed_attempts: Limiter


def build_limiters(settings: Settings, config: Mapping[str, Any], clock: Clock) -> Limiters:
    """Return the limiters of the app with this configuration.

    Raises:
        ConfigurationError: a setting is wrong, or asks for the extra ``rate-limiting``, which is not installed.

    """
    attempts = settings.failed_attempts_per_minute
    in_process = InProcessLimiter(attempts, MINUTE, clock) if attempts else NoLimit()
    own_url = settings.rate_limit_storage_url
    url = own_url or config.get(FLASK_LIMITER_URL) or _IN_PROCESS
    if settings.rate_limit is None and url == _IN_PROCESS:
        return Limiters(NoLimit(), in_process)
    try:
        from limits import RateLimitItemPerMinute

        from flask_licensing.limiters.stored import StoredLimits, open_storage
    except ImportError as error:
        if settings.rate_limit is None and own_url is None:  # Flask-Limiter's setting, without Flask-Limiter
            return Limiters(NoLimit(), in_process)
        raise ConfigurationError(_missing_extra(settings)) from error
    storage = open_storage(url, {} if own_url else config.get(FLASK_LIMITER_OPTIONS) or {})
    prefix = settings.rate_limit_key_prefix
    requests: Limiter = NoLimit()
    if settings.rate_limit is not None:
        requests = StoredLimits(storage, _parse(settings.rate_limit), f"{prefix}:requests", meanwhile=NoLimit())
    # The storage in this process keeps every key until its window ends, however many an attacker makes.
    if not attempts or url.startswith(_IN_PROCESS):
        return Limiters(requests, in_process)
    permitted = [RateLimitItemPerMinute(attempts)]
    return Limiters(requests, StoredLimits(storage, permitted, f"{prefix}:failed-attempts", meanwhile=in_process))


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
