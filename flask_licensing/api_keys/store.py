"""API keys: what a key store does with them, as a Protocol, and in memory."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from flask_licensing.core.store import MemoryTables, TransactionStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flask_licensing.core.networks import IpNetwork


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as stored: everything but its secret, of which only a hash is kept.

    ``capabilities`` and ``allowed_networks`` are ``None`` where the key is not limited. Times are naive UTC.
    """

    id: int
    name: str
    active: bool
    capabilities: frozenset[str] | None
    allowed_networks: tuple[IpNetwork, ...] | None
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime

    def is_usable_at(self, moment: datetime) -> bool:
        """Whether the key is active and has not expired at ``moment`` (naive UTC)."""
        return self.active and (self.expires_at is None or moment < self.expires_at)


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """An API key just created, with the one and only showing of its ``secret``."""

    api_key: ApiKey
    secret: str = field(repr=False)


class ApiKeyStore(TransactionStore, Protocol):
    """A key store that keeps this package's own API keys."""

    def add_api_key(
        self,
        *,
        name: str,
        secret_hash: str,
        capabilities: frozenset[str] | None,
        allowed_networks: tuple[IpNetwork, ...] | None,
        expires_at: datetime | None,
        created_at: datetime,
    ) -> ApiKey:
        """Store a new, active API key; ``secret_hash`` is 64 hexadecimal characters."""
        ...

    def find_api_key(self, secret_hash: str) -> ApiKey | None:
        """Return the API key whose secret has this hash, active or not, or ``None``."""
        ...

    def list_api_keys(self) -> Sequence[ApiKey]:
        """Return all API keys, by id."""
        ...

    def revoke_api_key(self, api_key_id: int) -> bool:
        """Make the API key inactive; answer whether there is such a key."""
        ...

    def record_api_key_use(self, api_key_id: int, used_at: datetime) -> None:
        """Store when the API key was last used, in a transaction that does nothing else.

        If another transaction has locked the row, store nothing instead of waiting.
        """
        ...


class MemoryApiKeys(MemoryTables):
    """API keys in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._api_keys: dict[str, ApiKey] = {}

    def add_api_key(
        self,
        *,
        name: str,
        secret_hash: str,
        capabilities: frozenset[str] | None,
        allowed_networks: tuple[IpNetwork, ...] | None,
        expires_at: datetime | None,
        created_at: datetime,
    ) -> ApiKey:
        """Store a new, active API key."""
        with self._lock:
            api_key = ApiKey(
                id=len(self._api_keys) + 1,
                name=name,
                active=True,
                capabilities=capabilities,
                allowed_networks=allowed_networks,
                expires_at=expires_at,
                last_used_at=None,
                created_at=created_at,
            )
            self._api_keys[secret_hash] = api_key
            return api_key

    def find_api_key(self, secret_hash: str) -> ApiKey | None:
        """Return the API key whose secret has this hash, or ``None``."""
        return self._api_keys.get(secret_hash)

    def list_api_keys(self) -> Sequence[ApiKey]:
        """Return all API keys, by id."""
        return list(self._api_keys.values())

    def revoke_api_key(self, api_key_id: int) -> bool:
        """Make the API key inactive; answer whether there is such a key."""
        return self._replace_api_key(api_key_id, active=False)

    def record_api_key_use(self, api_key_id: int, used_at: datetime) -> None:
        """Store when the API key was last used."""
        self._replace_api_key(api_key_id, last_used_at=used_at)

    def _replace_api_key(self, api_key_id: int, **changes: object) -> bool:
        with self._lock:
            for secret_hash, api_key in self._api_keys.items():
                if api_key.id == api_key_id:
                    self._api_keys[secret_hash] = dataclasses.replace(api_key, **changes)  # type: ignore[arg-type] # names and types are this class's own
                    return True
            return False
