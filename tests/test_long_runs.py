"""The long runs that are no measurements of speed, each in a tiny version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

pytest.importorskip("gunicorn", reason="needs gunicorn: pip install '.[benchmark]'")

from benchmarks import kill_workers, license_life, steady_load
from benchmarks.kill_workers import Tally
from benchmarks.steady_load import Interval, SteadyRun
from tests import fuzz

if TYPE_CHECKING:
    from pathlib import Path


def test_a_steady_run_sees_requests_memory_and_connections_in_each_interval(tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    options = {"database": "sqlite", "minutes": 0.05, "intervals": 4, "warm-up": 1, "rate": 40, "output": output}
    finished = CliRunner().invoke(steady_load.main, [f"--{name}={value}" for name, value in options.items()])
    assert finished.exit_code == 0, finished.output
    assert "memory of the workers, MB" in finished.output
    (run,) = json.loads(output.read_text())
    assert len(run["intervals"]) == 4
    for interval in run["intervals"]:
        assert interval["requests"] > 0
        assert interval["memory"] > 20
        assert interval["open_files"] > interval["connections"] > 0
        assert 0 < interval["p50"] <= interval["p99"]


def test_what_grows_shows_in_the_quarters_and_in_the_slope() -> None:
    intervals = [
        Interval(minute=number / 2, requests=10, memory=100 + number, open_files=9, connections=2, p50=5, p99=9)
        for number in range(8)
    ]
    drifts = {drift.measure: drift for drift in SteadyRun("sqlite", 40, intervals).drifts}
    grown, steady = drifts["memory"], drifts["connections"]
    assert (grown.first_quarter, grown.last_quarter) == (100.5, 106.5)
    assert grown.slope == pytest.approx(2)
    assert (steady.first_quarter, steady.last_quarter, steady.slope) == (2, 2, 0)


def test_orders_are_whole_while_workers_are_killed(tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    finished = CliRunner().invoke(kill_workers.main, ["--database", "sqlite", "--kills", "3", "--output", str(output)])
    assert finished.exit_code == 0, finished.output
    (tally,) = json.loads(output.read_text())
    assert (tally["kills"], tally["half"], tally["wrong"]) == (3, 0, 0)
    assert tally["orders"] > 0


def test_what_processes_saw_of_license_keys_is_possible_while_workers_are_killed(tmp_path: Path) -> None:
    options = {"database": "sqlite", "processes": 3, "operations": 90, "license-keys": 2, "output": tmp_path}
    finished = CliRunner().invoke(license_life.main, [f"--{name}={value}" for name, value in options.items()])
    assert finished.exit_code == 0, finished.output
    run = json.loads(finished.output)
    assert (run["operations"], run["verdicts"]) == (90, {"possible": 2})
    assert {"200", "300"} <= run["codes"].keys()


def test_an_order_that_is_half_done_or_answered_wrongly_is_a_failure() -> None:
    assert [Tally("sqlite", **lost).is_whole for lost in ({}, {"half": 1}, {"wrong": 1})] == [True, False, False]


def test_fuzzing_finds_nothing_in_what_the_site_answers_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the site's own pages was reported as a failure of the verifier."""
    paths = "odd headers, paths and methods"
    monkeypatch.setattr(fuzz, "STRATEGIES", {paths: fuzz.STRATEGIES[paths]})
    monkeypatch.setattr(fuzz, "EXAMPLES_PER_ROUND", 10)
    monkeypatch.setattr(fuzz, "MUTANTS_PER_EXAMPLE", 1)
    finished = CliRunner().invoke(fuzz.main, ["--minutes", "0.001", "--seed", "1"])
    assert finished.exit_code == 0, finished.output
    assert "404: " in finished.output
    assert "0 kinds of failures" in finished.output
