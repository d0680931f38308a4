"""Filling the table of license keys inside the database, with random ones that no client has to send."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.raw_database import RawDatabase

_EMPTY = {
    "sqlite": "DELETE FROM licensing_license_keys",
    "postgresql": "TRUNCATE licensing_license_keys",
    "mysql": "TRUNCATE licensing_license_keys",
}
_NUMBERS = {
    "sqlite": "(WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {count})"
    " SELECT n FROM counted)",
    "postgresql": "(SELECT generate_series(1, {count}) AS n)",
    "mysql": "(SELECT seq AS n FROM seq_1_to_{count})",
}
_RANDOM_KEY = {
    "sqlite": "hex(randomblob(14))",
    "postgresql": "upper(left(md5(random()::text || n), 28))",
    "mysql": "upper(left(md5(concat(rand(), n)), 28))",
}


def empty(database: RawDatabase) -> None:
    """Delete all license keys."""
    database.run(_EMPTY[database.backend])


def fill(database: RawDatabase, count: int, product_id: int) -> None:
    """Add so many license keys, in the order of their index, which is several times as fast as in another."""
    backend = database.backend
    database.run(
        "INSERT INTO licensing_license_keys"  # noqa: S608 - constants and numbers
        " (license_key, product_id, activation_limit, validity, status, created_at, updated_at)"
        f" SELECT {_RANDOM_KEY[backend]}, {product_id}, 0, 0, 'available', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP"
        f" FROM {_NUMBERS[backend].format(count=count)} AS numbers ORDER BY 1"
    )
