"""Reading the URL of a webhook."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MAX_URL_LENGTH = 2048
"""Longest URL of a webhook, in characters."""

URL_PATTERN = r"[Hh][Tt][Tt][Pp][Ss]?://[!-\[\]-~]+"
"""ASCII without white space and backslashes, which programs read in more than one way."""

_URL = re.compile(URL_PATTERN)
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class WebhookUrl:
    """A URL that can be posted to: ``host`` is a name or an address, ``target`` path and query, which may be secret."""

    scheme: str
    host: str
    port: int
    target: str = field(repr=False)

    @property
    def authority(self) -> str:
        """What stands in the header ``Host``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def without_query(self) -> str:
        """What may be shown: queries have secrets."""
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"


def read_webhook_url(text: str) -> WebhookUrl:
    """Return a URL as it is read.

    Raises:
        ValueError: it is not HTTP or HTTPS, or has no host, a user, a password, or something that is no URL.

    """
    if len(text) > MAX_URL_LENGTH or not _URL.fullmatch(text):
        raise ValueError("no HTTP or HTTPS URL in ASCII")
    parts = urlsplit(text)
    host, port = parts.hostname or "", parts.port
    if "@" in parts.netloc or port == 0 or not _is_host(host, parts.netloc):
        raise ValueError("user, port or host are wrong")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return WebhookUrl(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], target)


def _is_host(host: str, netloc: str) -> bool:
    if netloc.startswith("["):
        return re.fullmatch(r"[0-9a-f:.]+", host) is not None
    return _NAME.fullmatch(host) is not None
