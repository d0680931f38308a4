"""The SQL of assigning any of the available license keys: buyers at the same moment do not wait for one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from flask_licensing.core.domain import MAX_INTEGER
from flask_licensing.core.tables import Base, SessionTables, table_of
from flask_licensing.license_keys.model import LicenseKey
from flask_licensing.license_keys.store import LicenseKeyStatus
from flask_licensing.license_keys.tables import begin_to_write, to_license_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_licensing.license_keys import store

_KEYS = table_of(LicenseKey)

_CANDIDATES = 32
"""How many available license keys are looked at for each that is wanted, on MariaDB and MySQL: others have some."""

_FIRST_MARIADB = (10, 6)
_FIRST_MYSQL = (8, 0, 1)
"""The versions from which they pass over locked rows."""

_BY_ID = "FORCE INDEX (PRIMARY)"


class StockTables(SessionTables):
    """Available license keys in the database of a session."""

    model: ClassVar[type[Base]] = LicenseKey

    def lock_available_license_keys(self, product_id: int, quantity: int) -> Sequence[store.LicenseKey]:
        """Return available license keys, their rows locked, by id."""
        connection = self._connection()
        begin_to_write(connection)
        unlocked = _passing_over_locked(connection, product_id, quantity)
        rows = [] if unlocked is None else connection.execute(unlocked).all()
        if len(rows) < quantity:
            rows = connection.execute(_waiting(connection, product_id, quantity)).all()
        return sorted(map(to_license_key, rows), key=lambda key: key.id)

    def assign_license_keys(self, license_keys: Sequence[store.LicenseKey]) -> None:
        """Store that license keys are assigned, in one statement."""
        connection = self._connection()
        update = sa.update(_KEYS).where(_KEYS.c.id.in_([key.id for key in license_keys]))
        if _is_mysql(connection):
            # In a small table it would read, and lock, every row.
            update = update.with_hint(_BY_ID)
        values = license_keys[0].terms.to_values()
        changed = {name: values[name] for name in ("status", "owner_name", "owner_email", "assigned_at")}
        connection.execute(update.values(**changed, updated_at=license_keys[0].updated_at))


def _available(product_id: int) -> sa.Select[Any]:
    is_available = _KEYS.c.status == LicenseKeyStatus.AVAILABLE.value
    return sa.select(_KEYS).where(is_available, _KEYS.c.product_id == product_id).order_by(_KEYS.c.id)


def _passing_over_locked(connection: sa.Connection, product_id: int, quantity: int) -> sa.Select[Any] | None:
    """Return the query for rows that no other transaction has locked; ``None`` where the database has no such query.

    MariaDB and MySQL lock the gap before each row that they read in an index, and every other buyer's update has to
    write into the gap before the first available license key. So they find ids without a lock, and lock by id.
    """
    if connection.dialect.name == "postgresql":
        return _available(product_id).limit(quantity).with_for_update(key_share=True, skip_locked=True)
    version = connection.dialect.server_version_info or ()
    if not _is_mysql(connection) or version < (_FIRST_MARIADB if _is_mariadb(connection) else _FIRST_MYSQL):
        return None
    return _locked_by_id(product_id, quantity * _CANDIDATES).limit(quantity).with_for_update(skip_locked=True)


def _waiting(connection: sa.Connection, product_id: int, quantity: int) -> sa.Select[Any]:
    """Return the query that waits for what others have locked, which on MariaDB and MySQL are ids again."""
    if not _is_mysql(connection):
        return _available(product_id).limit(quantity).with_for_update(key_share=True)
    return _locked_by_id(product_id, MAX_INTEGER).limit(quantity).with_for_update()


def _locked_by_id(product_id: int, candidates: int) -> sa.Select[Any]:
    ids = _available(product_id).with_only_columns(_KEYS.c.id).limit(candidates).subquery("candidates")
    return (
        sa.select(_KEYS)
        .prefix_with("STRAIGHT_JOIN")
        .select_from(ids.join(_KEYS, _KEYS.c.id == ids.c.id))
        .with_hint(_KEYS, _BY_ID)
        .where(_KEYS.c.status == LicenseKeyStatus.AVAILABLE.value)
    )


def _is_mysql(connection: sa.Connection) -> bool:
    return connection.dialect.name in {"mysql", "mariadb"}


def _is_mariadb(connection: sa.Connection) -> bool:
    return bool(getattr(connection.dialect, "is_mariadb", False))
