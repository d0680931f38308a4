"""The settings of the extension: name, default, check and meaning of each, once.

A field ``max_content_length`` here is the constructor argument ``max_content_length`` of
:class:`flask_licensing.Licensing` and the configuration key ``LICENSING_MAX_CONTENT_LENGTH``.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from flask_licensing.core.networks import IpNetwork, parse_networks
from flask_licensing.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONFIGURATION_PREFIX = "LICENSING_"

MAX_SIGNING_TIMEOUT_SECONDS = 600
"""Longest time a remote signer may be given, in seconds; a transaction of the database is open all the while."""

MAX_LICENSE_FILE_DAYS = 36_500
"""Longest lease of a license file, in days: what is longer is no lease."""

_HOST_NAME = re.compile(r"[^/<>?#%\s]+")
_URL_PREFIX = re.compile(r"(/[^/<>?#%\s]+)+")


def _url_prefix(value: object) -> str:
    if not isinstance(value, str) or not _URL_PREFIX.fullmatch(value):
        raise ValueError('must be a path such as "/api/v1": a leading slash, no slash at the end, no variables')
    return value


def _host_name(value: object) -> str | None:
    if value is not None and (not isinstance(value, str) or not _HOST_NAME.fullmatch(value)):
        raise ValueError('must be a name such as "api.example.org", without variables')
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be True or False")
    return value


def _positive_integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("must be a whole number of at least 1")
    return value


def _days(value: object) -> int:
    days = _positive_integer(value)
    if days > MAX_LICENSE_FILE_DAYS:
        raise ValueError(f"must be a whole number from 1 to {MAX_LICENSE_FILE_DAYS}")
    return days


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError("must be a number of seconds, 0 or more")
    return float(value)


def _time_limit(value: object) -> float:
    seconds = _seconds(value)
    if not 0 < seconds <= MAX_SIGNING_TIMEOUT_SECONDS:
        raise ValueError(f"must be a number of seconds, more than 0 and up to {MAX_SIGNING_TIMEOUT_SECONDS}")
    return seconds


def _optional_text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("must be text")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be text")
    return value


def _hook(value: object) -> object:
    return value


def _setting(default: object, check: Callable[[object], object], meaning: str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"check": check, "meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The checked settings of one app. Hooks stand here as given: an object, an import string or ``None``."""

    url_prefix: str = _setting("/api/v1", _url_prefix, "Where the endpoints are.")
    host: str | None = _setting(None, _host_name, "The host that has the endpoints, in an app with `host_matching`.")
    subdomain: str | None = _setting(
        None, _host_name, "The subdomain that has the endpoints, in an app with `subdomain_matching`."
    )
    command_group: str = _setting(
        "licensing", _text, "The name of `flask licensing`, where the app has one of its own."
    )
    key_store: Any = _setting(None, _hook, "The key store; by default one over `db`.")
    private_key_source: Any = _setting(None, _hook, "Where private keys come from; by default answers are unsigned.")
    private_key_passphrase: str | None = _setting(
        None,
        _optional_text,
        "Passphrase of encrypted private keys; by default the environment variable of the same name.",
        secret=True,
    )
    private_key_required: bool = _setting(False, _flag, "Refuse to start without a global private key.")
    private_key_refresh_seconds: float = _setting(
        10.0, _seconds, "After how many seconds a replaced private key is noticed."
    )
    signing_timeout_seconds: float = _setting(
        5.0, _time_limit, "Most seconds that a remote signer may take; the transaction stays open while it works."
    )
    authenticator: Any = _setting(None, _hook, "Decides who may call; by default everyone with an API key.")
    clock: Any = _setting(None, _hook, "What time it is, as naive UTC; by default the system's.")
    license_key_generators: Any = _setting(
        None, _hook, "Functions that make license keys, by the name that `custom` generators have for them."
    )
    job_dispatcher: Any = _setting(
        None,
        _hook,
        "Called with the id of each job that was queued, once it is committed; by default nothing is called.",
    )
    webhook_allowed_networks: tuple[IpNetwork, ...] = _setting(
        (), parse_networks, "Networks of the site's own that webhooks may lead into; by default none."
    )
    blocked_addresses: tuple[IpNetwork, ...] = _setting(
        (), parse_networks, "IP addresses and networks whose requests are refused with code 150."
    )
    rate_limit: str | None = _setting(
        None,
        _optional_text,
        'How often each caller may call, such as `"100 per minute"`; by default there is no limit.',
    )
    rate_limit_storage_url: str | None = _setting(
        None,
        _optional_text,
        "Where several processes count together; by default `RATELIMIT_STORAGE_URI`, or else each process alone.",
        secret=True,
    )
    rate_limit_key_prefix: str = _setting(
        "flask_licensing", _text, "Prefix of this site's entries, where several sites share that storage."
    )
    api_key_use_interval_seconds: float = _setting(
        300.0, _seconds, "After how many seconds a further use of an API key updates its last-used time."
    )
    transaction_retry_seconds: float = _setting(
        20.0,
        _seconds,
        "For how many seconds a transaction is retried after a deadlock or another conflict.",
    )
    license_file_days: int = _setting(30, _days, "For how many days a license file lets a program run.")
    license_file_issuer: str | None = _setting(
        None, _optional_text, "Who a license file says it is from; by default `SERVER_NAME`, or else the app's name."
    )
    max_content_length: int = _setting(
        16 * 1024 * 1024, _positive_integer, "Largest request body, in bytes; the app's own limit does not apply."
    )
    max_license_keys_per_request: int = _setting(100_000, _positive_integer, "Most license keys in one request.")

    @classmethod
    def collect(cls, config: Mapping[str, Any], arguments: Mapping[str, Any]) -> Settings:
        """Return the settings from constructor ``arguments``, which win, and the app's ``config``.

        An argument that is ``None`` counts as not given.

        Raises:
            ConfigurationError: a setting is unknown or its value is wrong; the message names it.

        """
        configured = {
            name.removeprefix(CONFIGURATION_PREFIX).lower(): value
            for name, value in config.items()
            if name.startswith(CONFIGURATION_PREFIX)
        }
        given = configured | {name: value for name, value in arguments.items() if value is not None}
        checks = {setting.name: setting.metadata["check"] for setting in fields(cls)}
        values = {}
        for name, value in given.items():
            if name not in checks:
                raise ConfigurationError(_unknown_setting(name, list(checks)))
            try:
                values[name] = checks[name](value)
            except ValueError as error:
                raise ConfigurationError(f"{configuration_key(name)} is wrong: {error}.") from None
        return cls(**values)


def configuration_key(setting: str) -> str:
    """Return the configuration key of a setting: ``url_prefix`` is ``LICENSING_URL_PREFIX``."""
    return CONFIGURATION_PREFIX + setting.upper()


def _unknown_setting(name: str, known: list[str]) -> str:
    message = f"There is no setting {configuration_key(name)}."
    if close := difflib.get_close_matches(name, known, n=1):
        message += f" Did you mean {configuration_key(close[0])}?"
    return message
