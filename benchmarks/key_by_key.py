"""What the package replaces: looking for each license key and adding it, one by one, through the ORM."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from benchmarks.host_app import db, licensing
from benchmarks.load import new_license_keys
from benchmarks.prepared_site import prepared_site, running_host
from benchmarks.results import Comparison, Result
from benchmarks.rounds import take_turns
from flask_licensing.core.domain import utc_now
from flask_licensing.models import LicenseKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.site import Site

NAME = "key-by-key"
TIME = "time"


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    license_keys: int
    rounds: int


FULL = Scale(license_keys=10_000, rounds=3)
QUICK = Scale(license_keys=1000, rounds=2)


def case(license_keys: int) -> str:
    """Return the name of what is measured with so many license keys."""
    return f"{license_keys:,} keys"


def measure(database: str, folder: Path, scale: Scale) -> Result:
    """Compare ``create_license_keys`` with the loop, in this process, on the same table; each commits once."""
    with prepared_site(database, folder) as site, running_host(site.database_url, site.private_key_file):

        def timed(create: Callable[[Sequence[str], Site], None]) -> Callable[[int], float]:
            def run(_: int) -> float:
                license_keys = new_license_keys(scale.license_keys)
                started = time.perf_counter()
                create(license_keys, site)
                return time.perf_counter() - started

            return run

        for rehearse in (_create_with_package, _create_one_by_one):
            rehearse(new_license_keys(1), site)
        samples = take_turns(
            scale.rounds, {"package": timed(_create_with_package), "reference": timed(_create_one_by_one)}
        )
    return Result(NAME, database, [Comparison(case(scale.license_keys), TIME, "s", **samples)])


def _create_with_package(license_keys: Sequence[str], site: Site) -> None:
    licensing.create_license_keys(
        license_keys, product_id=site.product_id, activation_limit=0, validity=0, status="available"
    )
    db.session.remove()


def _create_one_by_one(license_keys: Sequence[str], site: Site) -> None:
    for license_key in license_keys:
        known = sa.select(LicenseKey.id).where(LicenseKey.license_key == license_key)
        if db.session.scalar(known) is not None:
            continue
        now = utc_now()
        db.session.add(
            LicenseKey(
                license_key=license_key,
                product_id=site.product_id,
                activation_limit=0,
                validity=0,
                status="available",
                created_at=now,
                updated_at=now,
            )
        )
        db.session.flush()
    db.session.commit()
    db.session.remove()
