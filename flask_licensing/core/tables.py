"""The base of this package's tables, their projection into a host's metadata, and how stores reach their rows.

:func:`project_models` copies the tables into the metadata of a host, where the host's migrations find them. Times are
naive UTC. The default bind only: the tables live in the host's default database.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_licensing.core import domain, store
from flask_licensing.errors import ConfigurationError, IdempotencyConflict

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session, scoped_session

SessionProvider: TypeAlias = "Callable[[], Session | scoped_session[Any]]"
"""Returns the session to work in; called for every access."""

PURGE_PAGE_SIZE = 1000
"""Idempotency records deleted in one statement."""


def text_type(length: int = domain.MAX_TEXT_LENGTH, collation: str = "utf8mb4_general_ci") -> sa.String:
    """Return a text type that takes all of Unicode on MySQL and MariaDB, whatever the database's own character set."""
    wide = mysql.VARCHAR(length, charset="utf8mb4", collation=collation)
    return sa.String(length).with_variant(wide, "mysql", "mariadb")


class Base(DeclarativeBase):
    """The base of this package's models alone."""


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


def table_of(model: type[Base]) -> sa.Table:
    """Return the table of a model."""
    return cast("sa.Table", model.__table__)


class SessionTables:
    """Rows in the database of a session; ``session`` provides it.

    A subclass with a ``model`` is a part of a store: whoever replaces its methods replaces all of them.
    """

    model: ClassVar[type[Base]]

    def __init__(self, session: SessionProvider) -> None:
        self._session = session

    def _connection(self) -> sa.Connection:
        return self._session().connection()

    def _execute(self, statement: sa.Executable, **parameters: object) -> sa.CursorResult[Any]:
        return self._connection().execute(statement, parameters)

    def _insert(self, model: type[Base], values: dict[str, object]) -> int:
        inserted = self._connection().execute(sa.insert(model).values(values))
        return cast("tuple[int]", inserted.inserted_primary_key)[0]


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


# Statements of every request are built once: building one anew, or going through the ORM, costs as much as running it.
_IDEMPOTENCY_RECORDS = table_of(IdempotencyRecord)
_FIND_IDEMPOTENCY_RECORD = sa.select(_IDEMPOTENCY_RECORDS).where(
    _IDEMPOTENCY_RECORDS.c.key_digest == sa.bindparam("key_digest")
)
_ADD_IDEMPOTENCY_RECORD = sa.insert(_IDEMPOTENCY_RECORDS)


class IdempotencyTables(SessionTables):
    """Idempotency records in the database of a session."""

    model: ClassVar[type[Base]] = IdempotencyRecord

    def find_idempotency_record(self, key_digest: str) -> store.IdempotencyRecord | None:
        """Return the record, or ``None``."""
        row = self._execute(_FIND_IDEMPOTENCY_RECORD, key_digest=key_digest).one_or_none()
        if row is None:
            return None
        answer = domain.SignedAnswer(row.body, row.status, row.signing_key_id)
        return store.IdempotencyRecord(row.key_digest, row.payload_digest, answer, row.created_at)

    def add_idempotency_record(self, record: store.IdempotencyRecord) -> None:
        """Store a record; raise :class:`IdempotencyConflict` where there is one."""
        try:
            self._execute(
                _ADD_IDEMPOTENCY_RECORD,
                key_digest=record.key_digest,
                payload_digest=record.payload_digest,
                status=record.answer.status,
                body=record.answer.body,
                signing_key_id=record.answer.signing_key_id,
                created_at=record.created_at,
            )
        except sa.exc.IntegrityError:
            raise IdempotencyConflict(record.key_digest) from None

    def delete_idempotency_records(self, before: datetime) -> int:
        """Delete the records created before then; return how many those were."""
        connection, table = self._connection(), _IDEMPOTENCY_RECORDS
        page = (
            sa.select(table.c.key_digest)
            .where(table.c.key_digest > sa.bindparam("last"), table.c.created_at < before)
            .order_by(table.c.key_digest)
            .limit(PURGE_PAGE_SIZE)
        )
        deleted, last = 0, ""
        # One DELETE would read the whole table, and MariaDB then locks it against new records.
        while digests := connection.scalars(page, {"last": last}).all():
            deleted += connection.execute(sa.delete(table).where(table.c.key_digest.in_(digests))).rowcount
            last = digests[-1]
        return deleted
