"""The tables of the package, as typed SQLAlchemy classes on a base of their own.

:func:`project_models` copies the tables into the metadata of a host, where the host's migrations find them. Times are
naive UTC. The default bind only: the tables live in the host's default database.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_licensing.audit_triggers import AUDIT_TABLE
from flask_licensing.domain import MAX_ADDRESS_LENGTH, MAX_REQUEST_ID_LENGTH, MAX_TEXT_LENGTH
from flask_licensing.errors import ConfigurationError


def _text(length: int = MAX_TEXT_LENGTH, collation: str = "utf8mb4_general_ci") -> sa.String:
    """Return a text type that takes all of Unicode on MySQL and MariaDB, whatever the database's own character set."""
    wide = mysql.VARCHAR(length, charset="utf8mb4", collation=collation)
    return sa.String(length).with_variant(wide, "mysql", "mariadb")


class Base(DeclarativeBase):
    """The base of this package's models alone."""


class Product(Base):
    """A piece of software that license keys are sold for."""

    __tablename__ = "licensing_products"
    __table_args__ = (sa.PrimaryKeyConstraint("id", name="pk_licensing_products"),)

    id: Mapped[int] = mapped_column(sa.Integer)
    name: Mapped[str] = mapped_column(_text())
    created_at: Mapped[datetime] = mapped_column(sa.DateTime)
    updated_at: Mapped[datetime] = mapped_column(sa.DateTime)


class LicenseKey(Base):
    """A license key with its terms. A host's foreign key to it is written ``ForeignKey(LicenseKey.id)``."""

    __tablename__ = "licensing_license_keys"
    # No index of its own on product_id: MariaDB refuses to drop one that a foreign key uses, as a downgrade would.
    __table_args__ = (
        sa.PrimaryKeyConstraint("id", name="pk_licensing_license_keys"),
        sa.UniqueConstraint("license_key", name="uq_licensing_license_keys_license_key"),
        sa.ForeignKeyConstraint(["product_id"], [Product.id], name="fk_licensing_license_keys_product_id"),
    )

    id: Mapped[int] = mapped_column(sa.Integer)
    product_id: Mapped[int] = mapped_column(sa.Integer)
    license_key: Mapped[str] = mapped_column(_text(collation="utf8mb4_bin"))
    activation_limit: Mapped[int] = mapped_column(sa.Integer)
    validity: Mapped[int] = mapped_column(sa.Integer)
    status: Mapped[str] = mapped_column(sa.String(16))
    owner_name: Mapped[str | None] = mapped_column(_text())
    owner_email: Mapped[str | None] = mapped_column(_text())
    assigned_at: Mapped[datetime | None] = mapped_column(sa.DateTime)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime)
    updated_at: Mapped[datetime] = mapped_column(sa.DateTime)


class ApiKey(Base):
    """An API key: a hash of its secret, and what it may do. Lists are separated by spaces; ``NULL`` is no limit."""

    __tablename__ = "licensing_api_keys"
    __table_args__ = (
        sa.PrimaryKeyConstraint("id", name="pk_licensing_api_keys"),
        sa.UniqueConstraint("secret_hash", name="uq_licensing_api_keys_secret_hash"),
    )

    id: Mapped[int] = mapped_column(sa.Integer)
    name: Mapped[str] = mapped_column(_text())
    secret_hash: Mapped[str] = mapped_column(sa.String(64))
    active: Mapped[bool] = mapped_column(sa.Boolean)
    capabilities: Mapped[str | None] = mapped_column(sa.Text)
    allowed_networks: Mapped[str | None] = mapped_column(sa.Text)
    expires_at: Mapped[datetime | None] = mapped_column(sa.DateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(sa.DateTime)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime)


class IdempotencyRecord(Base):
    """The signed answer that an ``Idempotency-Key`` stands for."""

    __tablename__ = "licensing_idempotency_records"
    __table_args__ = (sa.PrimaryKeyConstraint("key_digest", name="pk_licensing_idempotency_records"),)

    key_digest: Mapped[str] = mapped_column(sa.String(64))
    payload_digest: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[int] = mapped_column(sa.Integer)
    # TEXT ends at 64 kB on MySQL and MariaDB.
    body: Mapped[str] = mapped_column(sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"))
    signing_key_id: Mapped[str | None] = mapped_column(sa.String(43))
    created_at: Mapped[datetime] = mapped_column(sa.DateTime)


class AuditRecord(Base):
    """One change of the other tables.

    There is no foreign key: records outlive what they tell of.
    """

    __tablename__ = AUDIT_TABLE
    __table_args__ = (
        sa.PrimaryKeyConstraint("id", name="pk_licensing_audit_records"),
        sa.Index("ix_licensing_audit_records_occurred_at", "occurred_at"),
        sa.Index("ix_licensing_audit_records_action_id", "action", "id"),
    )

    id: Mapped[int] = mapped_column(sa.Integer)
    occurred_at: Mapped[datetime] = mapped_column(sa.DateTime)
    action: Mapped[str] = mapped_column(sa.String(64))
    actor: Mapped[str] = mapped_column(_text())
    remote_address: Mapped[str | None] = mapped_column(_text(MAX_ADDRESS_LENGTH))
    request_id: Mapped[str | None] = mapped_column(sa.String(MAX_REQUEST_ID_LENGTH))
    product_id: Mapped[int | None] = mapped_column(sa.Integer)
    target: Mapped[str | None] = mapped_column(_text())
    created: Mapped[int | None] = mapped_column(sa.Integer)
    duplicate: Mapped[int | None] = mapped_column(sa.Integer)
    deleted: Mapped[int | None] = mapped_column(sa.Integer)
    deleted_before: Mapped[datetime | None] = mapped_column(sa.DateTime)


_IS_HOST = "flask_licensing"
"""In the ``info`` of a metadata that has copies of the tables."""


def project_models(metadata: sa.MetaData) -> None:
    """Copy the tables into ``metadata``, a host's; doing so again changes nothing.

    Raises:
        ConfigurationError: the host has a table of its own by one of the names, or ``metadata`` has a schema.

    """
    if metadata.schema is not None:
        raise ConfigurationError(
            f"The app's metadata puts its tables into the schema {metadata.schema!r}, and this package's tables live in"
            " the default one: leave the schema out of MetaData and write it at each table of the app's own."
        )
    for table in Base.metadata.sorted_tables:
        existing = metadata.tables.get(table.name)
        if existing is None:
            table.to_metadata(metadata)
        elif existing.columns.keys() != table.columns.keys():
            raise ConfigurationError(f"The app has a table {table.name!r} of its own: rename it.")
    metadata.info[_IS_HOST] = True
    for table in metadata.tables.values():
        _create_after_what_it_refers_to(table, metadata)
    if not sa.event.contains(sa.Table, "after_parent_attach", _create_after_what_it_refers_to):
        # SQLAlchemy tells of new tables of one metadata only together with those of all others.
        sa.event.listen(sa.Table, "after_parent_attach", _create_after_what_it_refers_to)


def _create_after_what_it_refers_to(table: sa.Table, metadata: sa.MetaData) -> None:
    """Put a host's table with a foreign key to a model of this package after the copied table.

    ``ForeignKey(LicenseKey.id)`` refers to the table of the model, which is not the copy in the host's metadata; on its
    own SQLAlchemy would create the host's table first.
    """
    if _IS_HOST not in metadata.info:
        return
    for foreign_key in table.foreign_keys:
        name = foreign_key.target_fullname.rpartition(".")[0]
        if name in Base.metadata.tables and name in metadata.tables and name != table.name:
            table.add_is_dependent_on(metadata.tables[name])
