"""All benchmarks, by name."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from benchmarks import bulk, small_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.results import Result


@dataclass(frozen=True)
class Benchmark:
    """One benchmark; ``minutes`` is how long it takes on one database, about, at full scale on two cores."""

    name: str
    minutes: float
    measure: Callable[[str, Path, Any], Result]
    full: Any
    quick: Any

    def run(self, database: str, folder: Path, *, quick: bool) -> Result:
        """Measure, and note what it ran on."""
        result = self.measure(database, folder, self.quick if quick else self.full)
        return replace(result, versions=versions())


BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(small_request.NAME, 1, small_request.measure, small_request.FULL, small_request.QUICK),
        Benchmark(bulk.NAME, 2, bulk.measure, bulk.FULL, bulk.QUICK),
    )
}


def versions() -> dict[str, str]:
    """Return the machine in general terms, and what runs on it."""
    packages = ("Flask", "SQLAlchemy", "marshmallow", "cryptography", "gunicorn", "psycopg", "PyMySQL")
    return {
        "processor": f"{os.cpu_count()} cores, {platform.machine()}",
        "Python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in packages},
    }
