"""The measurement of refusals runs, and finds a difference where there is one; how large it is, no test says."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

pytest.importorskip("gunicorn", reason="needs gunicorn: pip install '.[test]'")

from benchmarks.refusal_timing import CONTROL, UNKNOWN, compare, main

ROUNDS = 4000


def test_a_tiny_run_compares_every_kind_with_unknown_api_keys_and_prints_json() -> None:
    finished = CliRunner().invoke(main, ["--database", "sqlite", "--rounds", "10", "--json"])
    assert finished.exit_code == 0, finished.output
    results = json.loads(finished.stdout)
    assert [(result["kind"], result["rounds"]) for result in results] == [
        (kind, 10) for _ in range(3) for kind in (CONTROL, "revoked", "expired")
    ]
    assert len({result["where"] for result in results}) == 3
    assert all(low <= middle <= high for middle, low, high in (result["difference"] for result in results))


@pytest.mark.parametrize("longer", [0.0, 5.0, -5.0])
def test_a_difference_is_found_where_there_is_one_and_only_there(longer: float) -> None:
    noise = [(number - (ROUNDS - 1) / 2) / 20 for number in range(ROUNDS)]
    samples = {UNKNOWN: [500.0] * ROUNDS, "revoked": [500.0 + longer + disturbance for disturbance in noise]}
    found = compare("sqlite", "here", "revoked", samples)
    assert found.difference.median == pytest.approx(longer)
    assert found.difference.low < longer < found.difference.high
    assert (found.difference.low < 0 < found.difference.high) is (longer == 0)
    assert (found.probability < 0.01) is (longer != 0)
    assert found.slower == pytest.approx(0.5 + longer * 20 / ROUNDS, abs=0.001)
