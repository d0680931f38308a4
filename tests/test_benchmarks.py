"""The benchmarks run, in a tiny version; how fast anything is, no test says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("gunicorn", reason="needs gunicorn: pip install '.[benchmark]'")

from benchmarks import bulk, small_request
from benchmarks.results import keep_result, load_results
from benchmarks.table import table_of

if TYPE_CHECKING:
    from pathlib import Path


def test_small_requests_are_compared_with_the_floor_through_real_servers(tmp_path: Path) -> None:
    scale = small_request.Scale(rounds=2, requests=8, profiled_requests=3, signing_seconds=0.01)
    result = small_request.measure("sqlite", tmp_path, scale)
    rate = result.find(small_request.CASE, small_request.RATE)
    assert len(rate.package) == len(rate.reference) == 2
    assert rate.ratio.low <= rate.ratio.median <= rate.ratio.high
    assert {share.part for share in result.shares} >= {small_request.SERVER_PART, "RSA signature", "SQLAlchemy"}
    assert small_request.SLOWEST in table_of(result)


def test_bulk_requests_are_compared_with_the_floor_and_their_results_are_kept(tmp_path: Path) -> None:
    result = bulk.measure("sqlite", tmp_path, bulk.Scale({10: 2}))
    assert {comparison.case for comparison in result.comparisons} == {bulk.case(10, name) for name in bulk.DUPLICATES}
    file = tmp_path / "kept" / "results.json"
    keep_result(file, bulk.measure("sqlite", tmp_path, bulk.Scale({20: 1})))
    keep_result(file, result)
    assert load_results(file) == [result]
