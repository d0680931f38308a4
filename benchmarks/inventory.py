"""Import of a whole inventory from a file, each time into an empty table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.load import new_license_keys
from benchmarks.one_import import IMPORTS
from benchmarks.prepared_site import prepared_site
from benchmarks.results import Comparison, Result
from benchmarks.rounds import take_turns
from benchmarks.server import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = "import"
TIME = "time"
PEAK_MEMORY = "peak memory"
_WRITTEN_AT_ONCE = 10_000


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    license_keys: int
    rounds: int


FULL = Scale(license_keys=1_000_000, rounds=3)
QUICK = Scale(license_keys=50_000, rounds=2)


def case(license_keys: int) -> str:
    """Return the name of what is measured with so many license keys."""
    return f"{license_keys:,} keys"


def measure(database: str, folder: Path, scale: Scale) -> Result:
    """Compare the import with the driver's best, process by process."""
    file = folder / "inventory.txt"
    with file.open("w", encoding="utf-8") as lines:
        for start in range(0, scale.license_keys, _WRITTEN_AT_ONCE):
            license_keys = new_license_keys(min(_WRITTEN_AT_ONCE, scale.license_keys - start))
            lines.writelines(f"{license_key}\n" for license_key in license_keys)

    def importer(name: str) -> Callable[[int], dict[str, float]]:
        return lambda _: _import(name, database, folder, file, scale.license_keys)

    samples = take_turns(scale.rounds, {name: importer(name) for name in IMPORTS})
    compared = [
        Comparison(case(scale.license_keys), name, unit, *([one[key] for one in samples[side]] for side in IMPORTS))
        for name, unit, key in ((TIME, "s", "seconds"), (PEAK_MEMORY, "MB", "peak_memory"))
    ]
    return Result(NAME, database, compared)


def _import(name: str, database: str, folder: Path, file: Path, expected: int) -> dict[str, float]:
    """Import into a database of its own, in a process of its own."""
    with prepared_site(database, folder) as site:
        finished = subprocess.run(  # noqa: S603 - this package's own command
            [sys.executable, "-m", "benchmarks.one_import", name, file],
            env=os.environ | {"PYTHONPATH": str(PROJECT)} | site.environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            check=True,
        )
    took: dict[str, float] = json.loads(finished.stdout)
    if took["created"] != expected:
        raise RuntimeError(f"the import of the {name} created {took['created']} of {expected} license keys")
    return took
