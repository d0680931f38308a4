"""License keys of the longest kind, many of them: MariaDB takes no statement of more than 16 MiB by default."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from tests.hosts import PATH

if TYPE_CHECKING:
    from tests.hosts import Host

QUOTES = '"' * 250
"""A quote is four bytes once it is escaped, for JSON and for SQL."""


def test_a_request_within_the_limits_is_stored_however_much_escaping_makes_of_it(host_on_each_database: Host) -> None:
    host = host_on_each_database
    keys = [f"{number:05}{QUOTES}" for number in range(17_500)]
    answer = host.app.test_client().post(
        PATH, json=host.fields(license_keys=keys), headers={"Authorization": f"Bearer {host.secret}"}
    )
    assert host.verified(answer)["created"] == len(keys)


def test_a_batch_of_an_import_is_stored_however_long_its_owners_are(host_on_each_database: Host) -> None:
    host = host_on_each_database
    rows = [{"license_key": f"{number:05}{QUOTES}", "owner_name": f"{number}{QUOTES}"} for number in range(10_000)]
    file = io.BytesIO("\n".join(map(json.dumps, rows)).encode())
    with host.app.app_context():
        summary = host.licensing.import_license_keys(file, file_format="ndjson", product_id=host.product_id)
    assert summary.created == len(rows)
