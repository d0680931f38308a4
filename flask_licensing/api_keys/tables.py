"""API keys in the database of a session: the table and its SQL."""

from __future__ import annotations

import ipaddress
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from flask_licensing.api_keys import store as api_key_store
from flask_licensing.core.tables import Base, SessionTables, table_of, text_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flask_licensing.core.networks import IpNetwork


class ApiKey(Base):
    """An API key: a hash of its secret, and what it may do. Lists are separated by spaces; ``NULL`` is no limit."""

    __tablename__ = "licensing_api_keys"
    __table_args__ = (
        sa.PrimaryKeyConstraint("id", name="pk_licensing_api_keys"),
        sa.UniqueConstraint("secret_hash", name="uq_licensing_api_keys_secret_hash"),
    )

    id: Mapped[int] = mapped_column(sa.Integer)
    name: Mapped[str] = mapped_column(text_type())
    secret_hash: Mapped[str] = mapped_column(sa.String(64))
    active: Mapped[bool] = mapped_column(sa.Boolean)
    capabilities: Mapped[str | None] = mapped_column(sa.Text)
    allowed_networks: Mapped[str | None] = mapped_column(sa.Text)
    expires_at: Mapped[datetime | None] = mapped_column(sa.DateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(sa.DateTime)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime)


_API_KEYS = table_of(ApiKey)
_FIND_API_KEY = sa.select(_API_KEYS).where(_API_KEYS.c.secret_hash == sa.bindparam("secret_hash"))
_LOCK_API_KEY = sa.select(_API_KEYS.c.id).where(_API_KEYS.c.id == sa.bindparam("id")).with_for_update(skip_locked=True)


class ApiKeyTables(SessionTables):
    """API keys in the database of a session."""

    model: ClassVar[type[Base]] = ApiKey

    def add_api_key(
        self,
        *,
        name: str,
        secret_hash: str,
        capabilities: frozenset[str] | None,
        allowed_networks: tuple[IpNetwork, ...] | None,
        expires_at: datetime | None,
        created_at: datetime,
    ) -> api_key_store.ApiKey:
        """Store a new, active API key."""
        values = {
            "name": name,
            "secret_hash": secret_hash,
            "active": True,
            "capabilities": None if capabilities is None else " ".join(sorted(capabilities)),
            "allowed_networks": None if allowed_networks is None else " ".join(map(str, allowed_networks)),
            "expires_at": expires_at,
            "created_at": created_at,
        }
        return api_key_store.ApiKey(
            id=self._insert(ApiKey, values),
            name=name,
            active=True,
            capabilities=capabilities,
            allowed_networks=allowed_networks,
            expires_at=expires_at,
            last_used_at=None,
            created_at=created_at,
        )

    def find_api_key(self, secret_hash: str) -> api_key_store.ApiKey | None:
        """Return the API key whose secret has this hash, or ``None``."""
        row = self._execute(_FIND_API_KEY, secret_hash=secret_hash).one_or_none()
        return None if row is None else _to_api_key(row)

    def list_api_keys(self) -> Sequence[api_key_store.ApiKey]:
        """Return all API keys, by id."""
        return [_to_api_key(row) for row in self._session().execute(sa.select(_API_KEYS).order_by(_API_KEYS.c.id))]

    def revoke_api_key(self, api_key_id: int) -> bool:
        """Make the API key inactive; answer whether there is such a key."""
        return self._update_api_key(api_key_id, active=False)

    def record_api_key_use(self, api_key_id: int, used_at: datetime) -> None:
        """Store when the API key was last used, unless another transaction has a lock on that."""
        with _no_waiting(self._connection()) as connection:
            if connection.execute(_LOCK_API_KEY, {"id": api_key_id}).one_or_none() is not None:
                self._update_api_key(api_key_id, last_used_at=used_at)

    def _update_api_key(self, api_key_id: int, **values: object) -> bool:
        statement = sa.update(_API_KEYS).where(_API_KEYS.c.id == api_key_id).values(values)
        return self._connection().execute(statement).rowcount == 1


@contextmanager
def _no_waiting(connection: sa.Connection) -> Iterator[sa.Connection]:
    """Let SQLite, which has one lock for all writers, refuse at once what can't be written; others skip locked rows."""
    if connection.dialect.name != "sqlite":
        yield connection
        return
    milliseconds = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        yield connection
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {milliseconds}")


def _to_api_key(row: sa.Row[tuple[object, ...]]) -> api_key_store.ApiKey:
    return api_key_store.ApiKey(
        id=row.id,
        name=row.name,
        active=row.active,
        capabilities=None if row.capabilities is None else frozenset(row.capabilities.split()),
        allowed_networks=None
        if row.allowed_networks is None
        else tuple(ipaddress.ip_network(network) for network in row.allowed_networks.split()),
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        created_at=row.created_at,
    )
