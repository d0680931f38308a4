"""What a database driver's error means to this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exc

from flask_licensing.errors import (
    ConnectionLost,
    ConstraintViolation,
    LicensingError,
    StoreUnavailable,
    TransactionConflict,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONFLICT_SQLSTATES = frozenset({"40001", "40P01", "55P03"})
"""PostgreSQL: serialization failure, deadlock, lock not available (PostgreSQL manual, appendix A)."""

_CONFLICT_MYSQL_NUMBERS = frozenset({1020, 1205, 1213})
"""MySQL and MariaDB: record changed since last read, lock wait timeout, deadlock."""

_CONFLICT_SQLITE_CODES = frozenset({5, 6})
"""SQLite: busy and locked, the last eight bits of their extended codes (sqlite.org/rescode.html)."""

_READ_ONLY_SQLSTATE = "25006"
"""PostgreSQL: read-only transaction, which psycopg counts among the internal errors."""


def translate(error: exc.SQLAlchemyError) -> LicensingError | None:
    """Return the package's error for a database's, or ``None`` where it is a defect and stays what it is."""
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return ConnectionLost()
    if isinstance(error, exc.IntegrityError):
        return ConstraintViolation("a constraint of the database refused what was to be stored")
    if _is_conflict(error):
        return TransactionConflict("the database ended the transaction for another")
    if isinstance(error, exc.OperationalError | exc.InterfaceError | exc.TimeoutError) or _is_read_only(error):
        return StoreUnavailable()
    return None


def _is_conflict(error: exc.SQLAlchemyError) -> bool:
    if not isinstance(error, exc.DBAPIError):
        return False
    driver_error = error.orig
    arguments: Sequence[object] = getattr(driver_error, "args", ())
    sqlite_code: int = getattr(driver_error, "sqlite_errorcode", 0)
    return (
        _sqlstate(error) in _CONFLICT_SQLSTATES
        or (bool(arguments) and arguments[0] in _CONFLICT_MYSQL_NUMBERS)
        or sqlite_code & 0xFF in _CONFLICT_SQLITE_CODES
    )


def _is_read_only(error: exc.SQLAlchemyError) -> bool:
    return isinstance(error, exc.DBAPIError) and _sqlstate(error) == _READ_ONLY_SQLSTATE


def _sqlstate(error: exc.DBAPIError) -> object:
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
