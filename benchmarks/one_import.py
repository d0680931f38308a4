"""One import in a process of its own: ``python -m benchmarks.one_import package|floor FILE`` tells what it took."""

from __future__ import annotations

import json
import sys
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.prepared_site import running_host
from benchmarks.raw_database import RawDatabase
from benchmarks.server import peak_memory
from benchmarks.site import Site
from flask_licensing.inventory.service import DEFAULT_BATCH_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable


def import_with_package(site: Site, file: Path) -> tuple[int, float]:
    """Import a file of one license key a line; return how many were created, and the seconds it took."""
    from benchmarks.host_app import licensing

    with running_host(site.database_url, site.private_key_file):
        started = time.perf_counter()
        summary = licensing.import_license_keys(file, product_id=site.product_id)
        return summary.created, time.perf_counter() - started


def import_with_driver(site: Site, file: Path) -> tuple[int, float]:
    """Do the same through the driver, with batches of the same size, each a transaction."""
    database = RawDatabase(site.database_url)
    started = time.perf_counter()
    created = 0
    with file.open(encoding="utf-8") as lines:
        while batch := [line.strip() for line in islice(lines, DEFAULT_BATCH_SIZE)]:
            created_of_batch = database.insert(batch, site.product_id)
            database.record(site.product_id, created_of_batch, len(batch) - created_of_batch)
            database.commit()
            created += created_of_batch
    seconds = time.perf_counter() - started
    database.close()
    return created, seconds


IMPORTS: dict[str, Callable[[Site, Path], tuple[int, float]]] = {
    "package": import_with_package,
    "floor": import_with_driver,
}


if __name__ == "__main__":
    _, name, path = sys.argv
    number_created, seconds_taken = IMPORTS[name](Site.from_environment(), Path(path))
    print(json.dumps({"created": number_created, "seconds": seconds_taken, "peak_memory": peak_memory()}))
