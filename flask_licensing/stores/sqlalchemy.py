"""The default key store: the package's tables in the host's database, through the host's session."""

from __future__ import annotations

import ipaddress
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, cast

import sqlalchemy as sa

from flask_licensing import audit_triggers, models
from flask_licensing.domain import (
    ApiKey,
    IdempotencyRecord,
    LicenseKey,
    LicenseKeyStatus,
    LicenseKeyTerms,
    Product,
    SignedAnswer,
)
from flask_licensing.errors import CommitOutcomeUnknown, ConnectionLost, IdempotencyConflict, StoreUnavailable
from flask_licensing.log_text import printable
from flask_licensing.stores import audit_records
from flask_licensing.stores.bulk_insert import insert_missing, insert_missing_rows
from flask_licensing.stores.database_errors import translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session, scoped_session

    from flask_licensing.domain import AuditEvent, AuditRecord
    from flask_licensing.errors import LicensingError
    from flask_licensing.networks import IpNetwork

_logger = logging.getLogger(__name__)

SessionProvider: TypeAlias = "Callable[[], Session | scoped_session[Any]]"
"""Returns the session to work in; called for every access."""


def _table_of(model: type[models.Base]) -> sa.Table:
    return cast("sa.Table", model.__table__)


# Statements of every request are built once: building one anew, or going through the ORM, costs as much as running it.
_PRODUCTS = _table_of(models.Product)
_FIND_PRODUCT = (
    sa.select(_PRODUCTS.c.id, _PRODUCTS.c.name)
    .where(_PRODUCTS.c.id == sa.bindparam("product_id"))
    .with_for_update(read=True, key_share=True)
)
_API_KEYS = _table_of(models.ApiKey)
_FIND_API_KEY = sa.select(_API_KEYS).where(_API_KEYS.c.secret_hash == sa.bindparam("secret_hash"))
_LOCK_API_KEY = sa.select(_API_KEYS.c.id).where(_API_KEYS.c.id == sa.bindparam("id")).with_for_update(skip_locked=True)
_IDEMPOTENCY_RECORDS = _table_of(models.IdempotencyRecord)
_FIND_IDEMPOTENCY_RECORD = sa.select(_IDEMPOTENCY_RECORDS).where(
    _IDEMPOTENCY_RECORDS.c.key_digest == sa.bindparam("key_digest")
)
_ADD_IDEMPOTENCY_RECORD = sa.insert(_IDEMPOTENCY_RECORDS)

PURGE_PAGE_SIZE = 1000
"""Idempotency records deleted in one statement."""


class SQLAlchemyKeyStore:
    """Keeps products, license keys, API keys, idempotency records and the audit log with SQLAlchemy.

    ``session`` provides the session whose transaction everything joins; the default for a Flask app is
    ``lambda: db.session``.
    """

    def __init__(self, session: SessionProvider) -> None:
        self._session = session

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the session after the block; roll it back and go on raising where the block raises.

        Raises:
            TransactionConflict: the database ended it for another.
            ConstraintViolation: a constraint refused what was to be stored.
            StoreUnavailable: the database can't be reached or can't store; as :class:`ConnectionLost` or
                :class:`CommitOutcomeUnknown` where its connection broke.

        """
        session = self._session()
        committing = False
        try:
            yield
            committing = True
            session.commit()
        except sa.exc.SQLAlchemyError as error:
            _roll_back(session)
            _raise_translated(error, committing=committing)
        except BaseException:
            _roll_back(session)
            raise

    def find_product(self, product_id: int) -> Product | None:
        """Return the product, or ``None``; its row can't be deleted before the transaction ends."""
        row = self._execute(_FIND_PRODUCT, product_id=product_id).one_or_none()
        return None if row is None else Product(row.id, row.name)

    def add_product(self, name: str, created_at: datetime) -> Product:
        """Store a new product and return it with its id."""
        row_id = self._insert(models.Product, {"name": name, "created_at": created_at, "updated_at": created_at})
        return Product(row_id, name)

    def list_products(self) -> Sequence[Product]:
        """Return all products, by id."""
        table = models.Product
        rows = self._session().execute(sa.select(table.id, table.name).order_by(table.id))
        return [Product(row.id, row.name) for row in rows]

    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        """Store the license keys that are not there yet, in one statement; return how many the database stored."""
        return insert_missing(self._connection(), license_keys, _to_values(terms, created_at))

    def add_license_key_rows(self, rows: Sequence[tuple[str, LicenseKeyTerms]], created_at: datetime) -> int:
        """Store the license keys that are not there yet, each with its terms, in one statement; return how many."""
        values = [{"license_key": license_key, **_to_values(terms, created_at)} for license_key, terms in rows]
        return insert_missing_rows(self._connection(), values)

    def list_license_keys(
        self, after_id: int, limit: int, *, product_id: int | None, status: LicenseKeyStatus | None
    ) -> Sequence[LicenseKey]:
        """Return a page of license keys, by id."""
        table = models.LicenseKey.__table__
        query = sa.select(table).where(table.c.id > after_id).order_by(table.c.id).limit(limit)
        if product_id is not None:
            query = query.where(table.c.product_id == product_id)
        if status is not None:
            query = query.where(table.c.status == status.value)
        return [_to_license_key(row) for row in self._session().execute(query)]

    def find_license_key(self, license_key: str) -> LicenseKey | None:
        """Return the stored license key, or ``None``."""
        table = models.LicenseKey.__table__
        row = self._session().execute(sa.select(table).where(table.c.license_key == license_key)).one_or_none()
        return None if row is None else _to_license_key(row)

    def find_idempotency_record(self, key_digest: str) -> IdempotencyRecord | None:
        """Return the record, or ``None``."""
        row = self._execute(_FIND_IDEMPOTENCY_RECORD, key_digest=key_digest).one_or_none()
        if row is None:
            return None
        answer = SignedAnswer(row.body, row.status, row.signing_key_id)
        return IdempotencyRecord(row.key_digest, row.payload_digest, answer, row.created_at)

    def add_idempotency_record(self, record: IdempotencyRecord) -> None:
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
        values = {
            "name": name,
            "secret_hash": secret_hash,
            "active": True,
            "capabilities": None if capabilities is None else " ".join(sorted(capabilities)),
            "allowed_networks": None if allowed_networks is None else " ".join(map(str, allowed_networks)),
            "expires_at": expires_at,
            "created_at": created_at,
        }
        return ApiKey(
            id=self._insert(models.ApiKey, values),
            name=name,
            active=True,
            capabilities=capabilities,
            allowed_networks=allowed_networks,
            expires_at=expires_at,
            last_used_at=None,
            created_at=created_at,
        )

    def find_api_key(self, secret_hash: str) -> ApiKey | None:
        """Return the API key whose secret has this hash, or ``None``."""
        row = self._execute(_FIND_API_KEY, secret_hash=secret_hash).one_or_none()
        return None if row is None else _to_api_key(row)

    def list_api_keys(self) -> Sequence[ApiKey]:
        """Return all API keys, by id."""
        table = models.ApiKey.__table__
        return [_to_api_key(row) for row in self._session().execute(sa.select(table).order_by(table.c.id))]

    def revoke_api_key(self, api_key_id: int) -> bool:
        """Make the API key inactive; answer whether there is such a key."""
        return self._update_api_key(api_key_id, active=False)

    def record_api_key_use(self, api_key_id: int, used_at: datetime) -> None:
        """Store when the API key was last used, unless another transaction has a lock on that."""
        with _no_waiting(self._connection()) as connection:
            if connection.execute(_LOCK_API_KEY, {"id": api_key_id}).one_or_none() is not None:
                self._update_api_key(api_key_id, last_used_at=used_at)

    def add_audit_event(self, event: AuditEvent) -> None:
        """Store an event, in one statement."""
        audit_records.insert_event(self._connection(), event)

    def list_audit_records(
        self, before_id: int | None, limit: int, *, since: datetime | None, action: str | None
    ) -> Sequence[AuditRecord]:
        """Return a page of records, newest first."""
        return audit_records.select_records(self._connection(), before_id, limit, since=since, action=action)

    def count_audit_records(self, before: datetime) -> int:
        """Return how many records are of events before then."""
        return audit_records.count_records(self._connection(), before)

    def purge_audit_records(self, before: datetime, event: AuditEvent) -> int:
        """Store the event of a purge and delete the records from before then; return how many those were."""
        return audit_records.purge_records(self._connection(), before, event)

    def find_audit_triggers(self) -> Mapping[str, bool] | None:
        """Return the names of the audit log's triggers, and whether each is there; ``None`` if that can't be told."""
        return audit_triggers.find_triggers(self._connection())

    def create_audit_triggers(self) -> None:
        """Create the audit log's triggers, in place of those that are there."""
        audit_triggers.create_triggers(self._connection())

    def missing_tables(self) -> Sequence[str]:
        """Return the names of this package's tables that the database does not have."""
        existing = set(sa.inspect(self._connection()).get_table_names())
        return sorted(set(models.Base.metadata.tables) - existing)

    def _connection(self) -> sa.Connection:
        return self._session().connection()

    def _execute(self, statement: sa.Executable, **parameters: object) -> sa.CursorResult[Any]:
        return self._connection().execute(statement, parameters)

    def _update_api_key(self, api_key_id: int, **values: object) -> bool:
        statement = sa.update(models.ApiKey).where(models.ApiKey.id == api_key_id).values(values)
        return self._connection().execute(statement).rowcount == 1

    def _insert(self, model: type[models.Base], values: dict[str, object]) -> int:
        inserted = self._connection().execute(sa.insert(model).values(values))
        return cast("tuple[int]", inserted.inserted_primary_key)[0]


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


def _roll_back(session: Session | scoped_session[Any]) -> None:
    """Roll back; a broken connection, which the database rolls back on its own, must not hide why."""
    try:
        session.rollback()
    except sa.exc.SQLAlchemyError as error:
        session.close()
        _logger.info("a transaction could not be rolled back: %s", _reason(error))


def _raise_translated(error: sa.exc.SQLAlchemyError, *, committing: bool) -> NoReturn:
    if isinstance(error, sa.exc.StatementError):
        # Its parameters, and with them license keys and hashes, would show in every log and error tracker.
        error.hide_parameters = True
    translated = translate(error)
    if translated is None:
        raise error
    if committing and isinstance(translated, ConnectionLost):
        translated = CommitOutcomeUnknown()
    _logger.log(_level_of(translated), "the database ended a transaction: %s", _reason(error))
    raise translated from error


def _level_of(error: LicensingError) -> int:
    if isinstance(error, ConnectionLost | CommitOutcomeUnknown):
        return logging.WARNING
    return logging.ERROR if isinstance(error, StoreUnavailable) else logging.INFO


def _reason(error: sa.exc.SQLAlchemyError) -> str:
    """Return what the driver said, without the statement and its parameters."""
    return printable(f"{type(error).__name__}: {error.__cause__ or error}".partition("\n")[0])


def _to_values(terms: LicenseKeyTerms, created_at: datetime) -> dict[str, object]:
    return {
        "product_id": terms.product_id,
        "activation_limit": terms.activation_limit,
        "validity": terms.validity,
        "status": terms.status.value,
        "owner_name": terms.owner_name,
        "owner_email": terms.owner_email,
        "assigned_at": terms.assigned_at,
        "created_at": created_at,
        "updated_at": created_at,
    }


def _to_license_key(row: sa.Row[tuple[object, ...]]) -> LicenseKey:
    terms = LicenseKeyTerms(
        product_id=row.product_id,
        activation_limit=row.activation_limit,
        validity=row.validity,
        status=LicenseKeyStatus(row.status),
        owner_name=row.owner_name,
        owner_email=row.owner_email,
        assigned_at=row.assigned_at,
    )
    return LicenseKey(row.id, row.license_key, terms, row.created_at)


def _to_api_key(row: sa.Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(
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
