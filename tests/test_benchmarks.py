"""The benchmarks run, each in a tiny version; how fast anything is, no test says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

pytest.importorskip("gunicorn", reason="needs gunicorn: pip install '.[benchmark]'")
pytest.importorskip("matplotlib", reason="needs matplotlib: pip install '.[benchmark]'")

from benchmarks import bulk, growth, inventory, key_by_key, small_request, verify
from benchmarks.__main__ import MEASURED, main
from benchmarks.catalogue import BENCHMARKS
from benchmarks.goals import GOALS
from benchmarks.page import PAGE, render
from benchmarks.results import RESULTS_FILE, Comparison, Result, Share, keep_result, load_results, plot_file
from benchmarks.table import table_of

if TYPE_CHECKING:
    from pathlib import Path

TINY: dict[str, Any] = {
    small_request.NAME: small_request.Scale(rounds=1, requests=8, profiled_requests=3, signing_seconds=0.01),
    verify.NAME: verify.Scale(rounds=1, requests=8),
    bulk.NAME: bulk.Scale({10: 2}),
    inventory.NAME: inventory.Scale(license_keys=20, rounds=1),
    growth.NAME: growth.Scale(new_license_keys=10, sizes=(20, 400), rounds=2),
    key_by_key.NAME: key_by_key.Scale(license_keys=10, rounds=2),
}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_each_benchmark_compares_the_package_round_by_round(name: str, tmp_path: Path) -> None:
    result = BENCHMARKS[name].measure("sqlite", tmp_path, TINY[name])
    assert result.benchmark == name
    for comparison in result.comparisons:
        assert len(comparison.package) == len(comparison.reference) > 0
        assert 0 < comparison.ratio.low <= comparison.ratio.median <= comparison.ratio.high
        assert comparison.case in table_of(result)
    assert bool(result.shares) == (name == small_request.NAME)


def test_partial_runs_come_together_on_one_page_with_a_plot_each(tmp_path: Path) -> None:
    runner = CliRunner()
    for benchmark in (growth, key_by_key):
        keep_result(tmp_path / RESULTS_FILE, benchmark.measure("sqlite", tmp_path, TINY[benchmark.NAME]))
    finished = runner.invoke(main, ["report", "--output", str(tmp_path)])
    assert finished.exit_code == 0, finished.output
    page = (tmp_path / PAGE).read_text()
    assert all(f"]({plot_file(name)})" in page for name in (growth.NAME, key_by_key.NAME))
    assert plot_file(bulk.NAME) not in page
    assert (tmp_path / plot_file(growth.NAME)).read_bytes().startswith(b"\x89PNG")


def test_a_later_result_takes_the_place_of_the_earlier_one_on_the_same_database(tmp_path: Path) -> None:
    file = tmp_path / RESULTS_FILE
    earlier, later, other = (
        Result(bulk.NAME, database, [Comparison("one", "time", "s", [time], [2.0])], [Share("all", time, 0)])
        for database, time in (("sqlite", 1.0), ("sqlite", 3.0), ("mariadb", 1.0))
    )
    for result in (earlier, other, later):
        keep_result(file, result)
    assert load_results(file) == [other, later]


def test_a_goal_is_missed_on_its_wrong_side_only() -> None:
    def verdicts(ratio: float) -> set[tuple[bool, bool]]:
        names = (small_request.RATE, small_request.SLOWEST)
        found = [Comparison(small_request.CASE, name, "", [ratio], [1.0]) for name in names]
        result = Result(small_request.NAME, "sqlite", found)
        return {(goal.at_least, goal.is_reached(goal.find(result))) for goal in GOALS[:2]}

    assert verdicts(1.0) == {(True, True), (False, True)}
    assert verdicts(1.5) == {(True, True), (False, False)}
    assert verdicts(0.5) == {(True, False), (False, True)}


def test_the_page_is_what_its_template_and_the_results_beside_it_make() -> None:
    assert (MEASURED / PAGE).read_text() == render(load_results(MEASURED / RESULTS_FILE))


def test_a_quick_run_writes_nothing_on_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = (MEASURED / PAGE).stat().st_mtime_ns
    finished = CliRunner().invoke(main, ["--quick", "--database", "sqlite", key_by_key.NAME])
    assert finished.exit_code == 0, finished.output
    assert "key by key" not in finished.output
    assert "1,000 keys" in finished.output
    assert (MEASURED / PAGE).stat().st_mtime_ns == before
    assert not list(tmp_path.iterdir())
