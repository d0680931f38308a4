"""New license keys into tables that hold more and more."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.filling import empty, fill
from benchmarks.host_app import db, licensing
from benchmarks.load import new_license_keys
from benchmarks.prepared_site import prepared_site, running_host
from benchmarks.raw_database import RawDatabase
from benchmarks.results import Comparison, Result
from benchmarks.rounds import take_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.site import Site

NAME = "growth"
TIME = "time"
_NOTICEABLE_GROWTH = 0.05


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    new_license_keys: int
    sizes: Sequence[int]
    rounds: int


FULL = Scale(new_license_keys=10_000, sizes=(10_000, 1_000_000, 5_000_000), rounds=8)
QUICK = Scale(new_license_keys=10_000, sizes=(10_000, 200_000), rounds=3)


def case(size: int) -> str:
    """Return the name of what is measured with a table of this size."""
    return f"into {size:,} keys"


def measure(database: str, folder: Path, scale: Scale) -> Result:
    """Compare ``create_license_keys`` with the driver on one and the same table, in this process."""
    with (
        prepared_site(database, folder) as site,
        running_host(site.database_url, site.private_key_file),
        closing(RawDatabase(site.database_url)) as floor,
    ):
        compared = [_compare(site, floor, size, scale) for size in scale.sizes]
    return Result(NAME, database, compared)


def _compare(site: Site, floor: RawDatabase, size: int, scale: Scale) -> Comparison:
    """Measure with a table that holds ``size`` license keys, or up to 5 % more for each that were added before."""

    def timed(create: Callable[[Sequence[str]], None]) -> Callable[[int], float]:
        def run(_: int) -> float:
            if scale.new_license_keys > size * _NOTICEABLE_GROWTH:
                empty(floor)
                fill(floor, size, site.product_id)
            license_keys = new_license_keys(scale.new_license_keys)
            started = time.perf_counter()
            create(license_keys)
            return time.perf_counter() - started

        return run

    def with_package(license_keys: Sequence[str]) -> None:
        licensing.create_license_keys(
            license_keys, product_id=site.product_id, activation_limit=0, validity=0, status="available"
        )
        db.session.remove()

    def with_driver(license_keys: Sequence[str]) -> None:
        floor.find_product(site.product_id)
        created = floor.insert(license_keys, site.product_id)
        floor.record(site.product_id, created, len(license_keys) - created)
        floor.commit()

    empty(floor)
    fill(floor, size, site.product_id)
    # The first round is a rehearsal.
    samples = take_turns(scale.rounds + 1, {"package": timed(with_package), "reference": timed(with_driver)})
    milliseconds = {side: [seconds * 1000 for seconds in of_side[1:]] for side, of_side in samples.items()}
    return Comparison(case(size), TIME, "ms", **milliseconds)
