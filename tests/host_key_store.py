"""A key store as a host would write it, over tables that its shop has had for years."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from flask_licensing.core.domain import SignedAnswer
from flask_licensing.errors import IdempotencyConflict
from flask_licensing.hooks import IdempotencyRecord, LicenseKey, LicenseKeyStatus, LicenseKeyTerms, Product

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SCHEMA = """
CREATE TABLE software (number INTEGER PRIMARY KEY, title TEXT NOT NULL);
CREATE TABLE licenses (
    number INTEGER PRIMARY KEY, serial TEXT NOT NULL UNIQUE, software INTEGER NOT NULL REFERENCES software,
    seats INTEGER NOT NULL, days INTEGER NOT NULL, state TEXT NOT NULL, customer TEXT, mail TEXT, sold TEXT,
    entered TEXT NOT NULL
);
CREATE TABLE answers (
    digest TEXT PRIMARY KEY, payload TEXT, status INTEGER, body TEXT, signer TEXT, entered TEXT NOT NULL
);
"""


class HostKeyStore:
    """Keeps license keys in a shop's own SQLite file, through Python's own driver."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._local = threading.local()
        with sqlite3.connect(file) as connection:
            connection.executescript(SCHEMA)
        connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        connection = sqlite3.connect(self._file, isolation_level=None, timeout=30)
        self._local.connection = connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        finally:
            connection.close()

    def find_product(self, product_id: int) -> Product | None:
        row = self._execute("SELECT number, title FROM software WHERE number = ?", product_id).fetchone()
        return Product(*row) if row else None

    def add_license_keys(self, license_keys: Sequence[str], terms: LicenseKeyTerms, created_at: datetime) -> int:
        return self._execute(
            "INSERT INTO licenses (serial, software, seats, days, state, customer, mail, sold, entered)"
            " SELECT value, ?, ?, ?, ?, ?, ?, ?, ? FROM json_each(?) WHERE true ON CONFLICT (serial) DO NOTHING",
            terms.product_id,
            terms.activation_limit,
            terms.validity,
            terms.status.value,
            terms.owner_name,
            terms.owner_email,
            terms.assigned_at.isoformat() if terms.assigned_at else None,
            created_at.isoformat(),
            json.dumps(license_keys),
        ).rowcount

    def find_idempotency_record(self, key_digest: str) -> IdempotencyRecord | None:
        row = self._execute("SELECT * FROM answers WHERE digest = ?", key_digest).fetchone()
        if row is None:
            return None
        digest, payload, status, body, signer, entered = row
        return IdempotencyRecord(digest, payload, SignedAnswer(body, status, signer), datetime.fromisoformat(entered))

    def add_idempotency_record(self, record: IdempotencyRecord) -> None:
        answer = record.answer
        signed = (answer.status, answer.body, answer.signing_key_id)
        values = (record.key_digest, record.payload_digest, *signed, record.created_at.isoformat())
        try:
            self._execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)", *values)
        except sqlite3.IntegrityError:
            raise IdempotencyConflict(record.key_digest) from None

    def delete_idempotency_records(self, before: datetime) -> int:
        return self._execute("DELETE FROM answers WHERE entered < ?", before.isoformat()).rowcount

    def find_license_key(self, license_key: str) -> LicenseKey | None:
        """Read what is stored, for tests: no duty of a key store."""
        row = self._execute("SELECT * FROM licenses WHERE serial = ?", license_key).fetchone()
        if row is None:
            return None
        number, serial, software, seats, days, state, customer, mail, sold, entered = row
        assigned_at = datetime.fromisoformat(sold) if sold else None
        terms = LicenseKeyTerms(software, seats, days, LicenseKeyStatus(state), customer, mail, assigned_at)
        created_at = datetime.fromisoformat(entered)
        return LicenseKey(number, serial, terms, created_at, created_at)

    def _execute(self, statement: str, *parameters: object) -> sqlite3.Cursor:
        cursor: sqlite3.Cursor = self._local.connection.execute(statement, parameters)
        return cursor
