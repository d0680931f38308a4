"""The table of activations, and the SQL of verifying and activating."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from flask_licensing.activations import store
from flask_licensing.activations.store import LicenseKeyState
from flask_licensing.core.domain import EARLIEST_DATE, MAX_ADDRESS_LENGTH
from flask_licensing.core.tables import Base, SessionTables, table_of, text_type
from flask_licensing.license_keys.model import LicenseKey
from flask_licensing.license_keys.tables import lock_row, to_license_key
from flask_licensing.products.tables import Product, to_product

if TYPE_CHECKING:
    from collections.abc import Sequence


class Activation(Base):
    """The use of a license key by one identifier, active or ended."""

    __tablename__ = "licensing_activations"
    __table_args__ = (
        sa.PrimaryKeyConstraint("license_key_id", "identifier", name="pk_licensing_activations"),
        sa.ForeignKeyConstraint(["license_key_id"], [LicenseKey.id], name="fk_licensing_activations_license_key_id"),
    )

    license_key_id: Mapped[int] = mapped_column(sa.Integer)
    identifier: Mapped[str] = mapped_column(text_type(collation="utf8mb4_bin"))
    first_seen_at: Mapped[datetime] = mapped_column(sa.DateTime)
    last_seen_at: Mapped[datetime] = mapped_column(sa.DateTime)
    remote_address: Mapped[str | None] = mapped_column(text_type(MAX_ADDRESS_LENGTH))
    user_agent: Mapped[str | None] = mapped_column(text_type())
    active: Mapped[bool] = mapped_column(sa.Boolean)


_TABLE = table_of(Activation)
_KEYS = table_of(LicenseKey)
_PRODUCTS = table_of(Product)
_VALUES = ("first_seen_at", "last_seen_at", "remote_address", "user_agent", "active")

_HAS_KEY_ID = _TABLE.c.license_key_id == sa.bindparam("key_id")
_IS_ONE = _HAS_KEY_ID & (_TABLE.c.identifier == sa.bindparam("of_identifier"))
_OF_PRODUCT = _PRODUCTS.c.id == _KEYS.c.product_id
_OF_KEY = (_TABLE.c.license_key_id == _KEYS.c.id) & (_TABLE.c.identifier == sa.bindparam("of_identifier"))
_FIND_STATE = (
    sa.select(
        *_KEYS.columns,
        *(column.label(f"product_{column.name}") for column in _PRODUCTS.columns if column.name != "id"),
        _TABLE.c.identifier,
        *(_TABLE.c[name] for name in _VALUES),
    )
    .select_from(_KEYS.outerjoin(_PRODUCTS, _OF_PRODUCT).outerjoin(_TABLE, _OF_KEY))
    .where(_KEYS.c.license_key == sa.bindparam("text"))
)
_COUNT_ACTIVE = sa.select(sa.func.count()).select_from(_TABLE).where(_HAS_KEY_ID, _TABLE.c.active)
# On MariaDB a query that locks also locks the place of rows that are not there, up to the next row, which belongs to
# another license key: two transactions that do so and insert then wait for each other. So each inserts first, when it
# holds no such lock. The row is never committed, and bounds what transactions about other license keys lock.
_ADD_GUARD = sa.insert(_TABLE).values(
    license_key_id=sa.bindparam("key_id"),
    identifier="",
    first_seen_at=EARLIEST_DATE,
    last_seen_at=EARLIEST_DATE,
    active=False,
)
_REMOVE_GUARD = sa.delete(_TABLE).where(_HAS_KEY_ID, _TABLE.c.identifier == "")
_LIST = sa.select(_TABLE).where(_HAS_KEY_ID).order_by(_TABLE.c.identifier)
_RECORD_SEEN = sa.update(_TABLE).where(_IS_ONE).values(last_seen_at=sa.bindparam("seen_at"))
_END = sa.update(_TABLE).where(_HAS_KEY_ID, _TABLE.c.active).values(active=False)


class ActivationTables(SessionTables):
    """Activations in the database of a session."""

    model: ClassVar[type[Base]] = Activation

    def find_license_key_state(self, license_key: str, identifier: str) -> LicenseKeyState | None:
        """Return the license key with the activation by the identifier, in one query, or ``None``."""
        return self._state(_FIND_STATE, license_key, identifier)

    def lock_license_key_state(self, license_key: str, identifier: str) -> LicenseKeyState | None:
        """As :meth:`find_license_key_state`, once its row is locked."""
        # Two statements: PostgreSQL joins a row that it waited for with what there was before it waited.
        key = lock_row(self._connection(), license_key)
        if key is None:
            return None
        if self._locks_gaps():
            self._execute(_ADD_GUARD, key_id=key.id)
            self._execute(_REMOVE_GUARD, key_id=key.id)
        return self._state(self._current(_FIND_STATE), license_key, identifier)

    def count_active(self, license_key_id: int) -> int:
        """Return how many activations are active."""
        return int(self._execute(self._current(_COUNT_ACTIVE), key_id=license_key_id).scalar_one())

    def put_activation(self, license_key_id: int, activation: store.Activation) -> None:
        """Store an activation, in place of the one by the same identifier."""
        values = {name: getattr(activation, name) for name in _VALUES}
        update = sa.update(_TABLE).where(_IS_ONE).values(values)
        if self._execute(update, key_id=license_key_id, of_identifier=activation.identifier).rowcount == 0:
            row = {"license_key_id": license_key_id, "identifier": activation.identifier, **values}
            self._connection().execute(sa.insert(_TABLE), row)

    def record_seen(self, license_key_id: int, identifier: str, seen_at: datetime) -> None:
        """Store when an activation was last seen."""
        self._execute(_RECORD_SEEN, key_id=license_key_id, of_identifier=identifier, seen_at=seen_at)

    def list_activations(self, license_key_id: int) -> Sequence[store.Activation]:
        """Return the activations of a license key, by identifier."""
        return [_to_activation(row) for row in self._execute(_LIST, key_id=license_key_id)]

    def end_activations(self, license_key_id: int) -> None:
        """Make every activation of a license key inactive."""
        self._execute(_END, key_id=license_key_id)

    def _state(self, query: sa.Select[Any], license_key: str, identifier: str) -> LicenseKeyState | None:
        row = self._execute(query, text=license_key, of_identifier=identifier).one_or_none()
        if row is None:
            return None
        product = None
        if row.product_name is not None:
            product = to_product(row, "product_")
        return LicenseKeyState(to_license_key(row), product, None if row.identifier is None else _to_activation(row))

    def _current(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """Return a query that reads what is committed now.

        On MariaDB and MySQL a transaction that has read before reads what was there then, unless its query locks.
        """
        return query.with_for_update(read=True) if self._locks_gaps() else query

    def _locks_gaps(self) -> bool:
        return self._connection().dialect.name in {"mysql", "mariadb"}


def _to_activation(row: sa.Row[Any]) -> store.Activation:
    return store.Activation(row.identifier, *(getattr(row, name) for name in _VALUES))
