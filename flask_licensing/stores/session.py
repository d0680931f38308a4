"""Bookkeeping in the session of a host: transactions, API keys, idempotency, the audit log and the queue."""

from __future__ import annotations

import logging
import math
from contextlib import contextmanager
from inspect import isfunction
from typing import TYPE_CHECKING, Any, NoReturn

import sqlalchemy as sa

from flask_licensing.api_keys.tables import ApiKeyTables
from flask_licensing.audit.tables import AuditTables
from flask_licensing.core.log_text import printable
from flask_licensing.core.tables import IdempotencyTables, table_of
from flask_licensing.errors import CommitOutcomeUnknown, ConfigurationError, ConnectionLost, StoreUnavailable
from flask_licensing.queue.tables import QueueTables
from flask_licensing.stores.database_errors import translate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session, scoped_session

    from flask_licensing.errors import LicensingError

_logger = logging.getLogger(__name__)


class SessionStore(IdempotencyTables, ApiKeyTables, AuditTables, QueueTables):
    """Keeps API keys, idempotency records, the audit log and the queue in its own tables, in the session of a host.

    It knows no products and no license keys: a store over tables of a host's own subclasses it and adds
    ``find_product`` and ``add_license_keys``, which work in the same session. ``session`` provides the session whose
    transaction everything joins, as ``lambda: db.session``.
    """

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

    @contextmanager
    def waiting_at_most(self, seconds: float) -> Iterator[None]:
        """Let a statement inside the block wait that long for a lock: in whole seconds, at least one, on MariaDB."""
        connection = self._connection()
        limit, undo = _lock_wait(connection, seconds)
        if limit:
            connection.exec_driver_sql(limit)
        try:
            yield
        finally:
            if undo and not connection.invalidated:
                connection.exec_driver_sql(undo)

    def missing_tables(self) -> Sequence[str]:
        """Return the names of the tables that this store works in and the database does not have."""
        existing = set(sa.inspect(self._connection()).get_table_names())
        return sorted({table_of(part.model).name for part in _parts_of(type(self))} - existing)


def check_parts(store: object) -> None:
    """Refuse a store that replaces some of the methods that work in one table of this package, and not the others.

    Raises:
        ConfigurationError: it names both.

    """
    own = type(store)
    for part in _parts_of(own):
        methods = {name for name, member in vars(part).items() if isfunction(member) and not name.startswith("_")}
        left = {name for name in methods if getattr(own, name) is vars(part)[name]}
        if left and left != methods:
            raise ConfigurationError(
                f"The key store {own.__name__} replaces {', '.join(sorted(methods - left))} and leaves"
                f" {', '.join(sorted(left))} to {part.__name__}, which works in a table of this package. A store over"
                " tables of the site's own subclasses SessionStore instead."
            )


def _parts_of(store: type) -> Sequence[Any]:
    return [part for part in store.__mro__ if "model" in vars(part)]


def _lock_wait(connection: sa.Connection, seconds: float) -> tuple[str, str]:
    """Return the statement that limits how long a lock is waited for, and the one that undoes it; each may be empty."""
    milliseconds = math.ceil(seconds * 1000)
    match connection.dialect.name:
        case "sqlite":
            before = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
            return f"PRAGMA busy_timeout = {milliseconds}", f"PRAGMA busy_timeout = {before}"
        case "postgresql":
            # It ends with the transaction, which after a failure takes no further statement.
            return f"SET LOCAL lock_timeout = {milliseconds}", ""
        case "mysql" | "mariadb":
            name = "innodb_lock_wait_timeout"
            limit = f"SET @licensing_lock_wait = @@{name}, SESSION {name} = {max(1, int(seconds))}"
            return limit, f"SET SESSION {name} = @licensing_lock_wait"
    return "", ""


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
