"""API keys: making them, listing and revoking them, and deciding by them who may call (contract section 2)."""

from __future__ import annotations

import hashlib
import secrets
from functools import partial
from typing import TYPE_CHECKING

from flask_licensing.api_keys.store import ApiKeyStore, NewApiKey
from flask_licensing.core.domain import Caller, Credentials, naive_utc
from flask_licensing.core.fields import check_name
from flask_licensing.core.networks import is_in_networks, parse_networks
from flask_licensing.core.store import has_group, require_group
from flask_licensing.errors import (
    AddressNotAllowed,
    InactiveApiKey,
    IncorrectData,
    InvalidApiKey,
    MissingCapability,
)

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime, timedelta

    from flask_licensing.core.networks import CallerAddresses, IpNetwork
    from flask_licensing.core.state import LicensingState
    from flask_licensing.core.work import Work

API_KEY_CREATED = "api-key-created"
API_KEY_REVOKED = "api-key-revoked"

MIN_SECRET_LENGTH = 16
"""Fewest characters of an API key brought along from elsewhere. Ours have 43, of 256 random bits."""

MAX_SECRET_LENGTH = 255


def hash_secret(secret: str) -> str:
    """Return what is stored of an API key: its SHA-256, 64 hexadecimal characters.

    A fast hash is enough for random keys of 128 bits and more, and stored keys are found by their hash, so that
    no comparison's duration tells anything about a key.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def create_api_key(
    work: Work,
    *,
    name: str,
    capabilities: Collection[str] | None,
    known_capabilities: Collection[str],
    allowed_ips: Collection[str] | None,
    expires_at: datetime | None,
    secret: str | None,
) -> NewApiKey:
    """Store a new API key and return it with its secret.

    ``None`` means no limit for ``capabilities`` and ``allowed_ips``, no end for ``expires_at``, and a random
    ``secret``.

    Raises:
        IncorrectData: a value is wrong, or the secret is in use already.

    """
    store = require_api_key_store(work.store)
    checked_secret = secrets.token_urlsafe(32) if secret is None else _check_secret(store, secret)
    api_key = store.add_api_key(
        name=check_name(name),
        secret_hash=hash_secret(checked_secret),
        capabilities=None if capabilities is None else _check_capabilities(capabilities, known_capabilities),
        allowed_networks=None if allowed_ips is None else _check_networks(allowed_ips),
        expires_at=None if expires_at is None else naive_utc(expires_at),
        created_at=work.now,
    )
    work.record(API_KEY_CREATED, target=caller_id(api_key.id))
    return NewApiKey(api_key, checked_secret)


def revoke_api_key(work: Work, api_key_id: int) -> bool:
    """Make an API key inactive and answer whether there is such a key."""
    is_known = require_api_key_store(work.store).revoke_api_key(api_key_id)
    if is_known:
        work.record(API_KEY_REVOKED, target=caller_id(api_key_id))
    return is_known


def caller_id(api_key_id: int) -> str:
    """Return the id of the caller that an API key stands for."""
    return f"api-key:{api_key_id}"


def require_api_key_store(store: object) -> ApiKeyStore:
    """Return ``store`` as one that keeps API keys; raise :class:`LicensingError` where it does not."""
    return require_group(store, ApiKeyStore, "does not keep API keys; callers are known by an authenticator")


class ApiKeyAuthenticator:
    """The default authenticator: an API key has to be active, sent from its networks, and have the capability.

    ``use_interval`` is how old an API key's last-used time may be before a use updates it.
    """

    def __init__(self, store: ApiKeyStore, addresses: CallerAddresses, use_interval: timedelta) -> None:
        self._store = store
        self._addresses = addresses
        self._use_interval = use_interval

    def __call__(self, credentials: Credentials) -> Caller:
        """Return the caller, or raise the refusal of contract section 2."""
        if not credentials.secret:
            raise InvalidApiKey
        api_key = self._store.find_api_key(hash_secret(credentials.secret))
        if api_key is None:
            raise InvalidApiKey
        now = credentials.now
        if not api_key.is_usable_at(now):
            raise InactiveApiKey
        if api_key.allowed_networks is not None:
            address = self._addresses.read(credentials.remote_address)
            if address is None or not is_in_networks(address, api_key.allowed_networks):
                raise AddressNotAllowed
        if api_key.capabilities is not None and credentials.endpoint not in api_key.capabilities:
            raise MissingCapability
        if api_key.last_used_at is not None and now - api_key.last_used_at < self._use_interval:
            return Caller(caller_id(api_key.id))
        return Caller(caller_id(api_key.id), partial(self._store.record_api_key_use, api_key.id, now))


def _check_secret(store: ApiKeyStore, secret: str) -> str:
    if not MIN_SECRET_LENGTH <= len(secret) <= MAX_SECRET_LENGTH or not (secret.isascii() and secret.isprintable()):
        raise IncorrectData(
            {"secret": [f"The secret must be {MIN_SECRET_LENGTH} to {MAX_SECRET_LENGTH} printable ASCII characters."]}
        )
    if " " in secret:
        raise IncorrectData({"secret": ["The secret must not contain spaces."]})
    if store.find_api_key(hash_secret(secret)) is not None:
        raise IncorrectData({"secret": ["The secret is in use by another API key."]})
    return secret


def _check_capabilities(capabilities: Collection[str], known: Collection[str]) -> frozenset[str]:
    if isinstance(capabilities, str) or (unknown := set(capabilities) - set(known)):
        named = repr(capabilities) if isinstance(capabilities, str) else ", ".join(sorted(unknown))
        sentence = f"Unknown capabilities: {named}. There are: {', '.join(sorted(known))}."
        raise IncorrectData({"capabilities": [sentence]})
    return frozenset(capabilities)


def _check_networks(allowed_ips: Collection[str]) -> tuple[IpNetwork, ...]:
    try:
        return parse_networks(allowed_ips)
    except ValueError as error:
        raise IncorrectData({"allowed_ips": [f"{error}."]}) from None


def check_api_keys(state: LicensingState) -> tuple[bool, str]:
    """Look whether there is an API key that may be used."""
    if not isinstance(state.authenticator, ApiKeyAuthenticator) or not has_group(state.key_store, ApiKeyStore):
        return True, "an authenticator of the site's own decides who may call"
    now = state.clock()
    with state.key_store.transaction():
        usable = [api_key for api_key in state.key_store.list_api_keys() if api_key.is_usable_at(now)]
    if not usable:
        return False, "none is active; create one with “flask licensing create-api-key”"
    return True, f"{len(usable)} active"
