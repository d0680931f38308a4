"""Doing a whole transaction again where the database ended it."""

from __future__ import annotations

import logging
import secrets
import time
from typing import TYPE_CHECKING, TypeVar

from flask_licensing.errors import (
    CommitOutcomeUnknown,
    ConnectionLost,
    ConstraintViolation,
    IdempotencyConflict,
    LicensingError,
    StoreUnavailable,
    TransactionConflict,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_licensing.core.store import TransactionStore

FIRST_PAUSE_SECONDS = 0.01
"""Longest pause before the second attempt; it doubles from attempt to attempt."""

LONGEST_PAUSE_SECONDS = 0.5

Result = TypeVar("Result")

_ONCE = (ConnectionLost, ConstraintViolation)
_REPEATABLE_ONCE = (*_ONCE, CommitOutcomeUnknown)

_logger = logging.getLogger(__name__)
_random = secrets.SystemRandom()


def run_transaction(
    store: TransactionStore, work: Callable[[], Result], *, retry_seconds: float, repeatable: bool = False
) -> Result:
    """Do ``work`` in a transaction of the store, commit, and return what it returned.

    Where the database ends the transaction for another, the whole is done again after a random pause, for
    ``retry_seconds`` from the first attempt. It is done again once where the connection broke before the commit, as
    after a restart of the database, or where a constraint refused what was stored. Where the connection broke during
    the commit it is done again only if it is ``repeatable``: if doing it twice has one effect and one result.

    Raises:
        StoreUnavailable: the database can't be reached, or ended every transaction until the time was over.
        CommitOutcomeUnknown: the connection broke during the commit.
        ConstraintViolation: a constraint refused it twice.

    """
    give_up_at = time.monotonic() + retry_seconds
    once: tuple[type[LicensingError], ...] = _REPEATABLE_ONCE if repeatable else _ONCE
    attempt = 0
    while True:
        attempt += 1
        try:
            with store.transaction():
                return work()
        except once as failure:
            _note(attempt, failure)
            once = ()
        except (TransactionConflict, IdempotencyConflict) as conflict:
            _note(attempt, conflict)
            pause = _pause_after(attempt)
            if time.monotonic() + pause > give_up_at:
                raise StoreUnavailable from conflict
            time.sleep(pause)


def _note(attempt: int, failure: LicensingError) -> None:
    _logger.info("attempt %d ended in %s", attempt, type(failure).__name__)


def _pause_after(attempt: int) -> float:
    """Return a random part of the longest pause, so that transactions that met once do not meet again."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(attempt - 1, 16))
    return _random.uniform(0, longest)
