"""All benchmarks, by name."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from benchmarks import bulk, growth, inventory, key_by_key, small_request, verify
from benchmarks.prepared_site import server_version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.results import Result


@dataclass(frozen=True)
class Benchmark:
    """One benchmark; ``reference`` is what the package is compared with, ``picture`` says what its plot shows.

    ``minutes`` is how long it takes on one database, about, at full scale on two cores.
    """

    name: str
    minutes: float
    measure: Callable[[str, Path, Any], Result]
    full: Any
    quick: Any
    picture: str
    reference: str = "floor"

    def run(self, database: str, folder: Path, *, quick: bool) -> Result:
        """Measure, and note what it ran on."""
        result = self.measure(database, folder, self.quick if quick else self.full)
        return replace(result, versions=versions(database))


BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            small_request.NAME,
            1,
            small_request.measure,
            small_request.FULL,
            small_request.QUICK,
            "Requests a second, and where their CPU time goes",
        ),
        Benchmark(verify.NAME, 1, verify.measure, verify.FULL, verify.QUICK, "Verifications a second"),
        Benchmark(bulk.NAME, 1, bulk.measure, bulk.FULL, bulk.QUICK, "Time as a multiple of the floor's"),
        Benchmark(
            inventory.NAME, 1.5, inventory.measure, inventory.FULL, inventory.QUICK, "Seconds of package and floor"
        ),
        Benchmark(growth.NAME, 2, growth.measure, growth.FULL, growth.QUICK, "Time by the size of the table"),
        Benchmark(
            key_by_key.NAME,
            0.5,
            key_by_key.measure,
            key_by_key.FULL,
            key_by_key.QUICK,
            "Seconds of the package and of the loop",
            reference="key by key",
        ),
    )
}


def versions(database: str) -> dict[str, str]:
    """Return the machine in general terms, and what runs on it."""
    packages = ("Flask", "SQLAlchemy", "marshmallow", "cryptography", "gunicorn", "psycopg", "PyMySQL")
    return {
        "processor": f"{os.cpu_count()} cores, {platform.machine()}",
        "Python": platform.python_version(),
        database: server_version(database),
        **{package: importlib.metadata.version(package) for package in packages},
    }
