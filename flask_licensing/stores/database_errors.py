"""What a database driver's error means to this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exc

from flask_licensing.errors import LicensingError, StoreUnavailable, TransactionConflict

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONFLICT_SQLSTATES = frozenset({"40001", "40P01", "55P03"})
"""PostgreSQL: serialization failure, deadlock, lock not available (PostgreSQL manual, appendix A)."""

_CONFLICT_MYSQL_NUMBERS = frozenset({1020, 1205, 1213})
"""MySQL and MariaDB: record changed since last read, lock wait timeout, deadlock."""

_SQLITE_BUSY_SNAPSHOT = 517
"""SQLite: another connection wrote after this transaction began to read (sqlite.org/rescode.html)."""


def translate(error: exc.SQLAlchemyError) -> LicensingError | None:
    """Return the package's error for a database's, or ``None`` where it is a defect and stays what it is."""
    if isinstance(error, exc.IntegrityError) or _is_conflict(error):
        return TransactionConflict(type(error).__name__)
    if isinstance(error, exc.OperationalError | exc.InterfaceError | exc.TimeoutError):
        return StoreUnavailable()
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return StoreUnavailable()
    return None


def _is_conflict(error: exc.SQLAlchemyError) -> bool:
    if not isinstance(error, exc.DBAPIError):
        return False
    driver_error = error.orig
    sqlstate = getattr(driver_error, "sqlstate", None) or getattr(driver_error, "pgcode", None)
    arguments: Sequence[object] = getattr(driver_error, "args", ())
    return (
        sqlstate in _CONFLICT_SQLSTATES
        or (bool(arguments) and arguments[0] in _CONFLICT_MYSQL_NUMBERS)
        or getattr(driver_error, "sqlite_errorcode", None) == _SQLITE_BUSY_SNAPSHOT
    )
