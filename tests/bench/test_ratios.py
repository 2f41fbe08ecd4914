"""What the bench computes from its figures, and what it says where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.ratios import TARGETS, ratios
from bench.support.bench import interleaved
from bench.support.report import write
from jobmon_server.bench.numbers import exponent, percentile, spread

PROMISED = """reports_1_vs_bare reports_8_vs_bare reports_8_vs_jobmon reports_32_vs_8 reports_128_vs_8 batch_1000_vs_bare
heartbeat_batched_vs_single report_1m_vs_10k claim_1m_vs_10k read_1m_vs_10k end_to_end_vs_subprocess""".split()


@pytest.mark.parametrize("power", [0, 1, 2])
def test_the_exponent_is_the_power_of_the_size(power: int) -> None:
    assert exponent({size: 0.001 * size**power for size in (10, 100, 1_000)}) == pytest.approx(power)


def test_one_size_has_no_exponent() -> None:
    assert exponent({10: 1.0}) is None


def test_a_spread_keeps_every_repetition() -> None:
    assert spread([3, 1, 2]) == {"median": 2, "min": 1, "max": 3, "values": [3, 1, 2]}


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile(range(1, 101), 0.99) == 99
    assert percentile([7.0], 0.5) == 7.0


def test_subjects_are_measured_in_turns() -> None:
    turns: list[str] = []

    def subject(name: str) -> dict[str, float]:
        turns.append(name)
        return {"per_second": float(len(turns)), "errors": 1}

    found = interleaved({"a": lambda: subject("a"), "b": lambda: subject("b")}, 2)
    assert turns == ["a", "b", "a", "b"]
    assert found["a"] == {"per_second": spread([1, 3]), "errors": 2}


def test_what_was_not_measured_is_null() -> None:
    assert ratios({}) == dict.fromkeys(PROMISED)
    assert {target.verdict(target.value({})) for target in TARGETS} == {"not measured"}


def test_a_ratio_is_of_medians_of_one_section() -> None:
    rates = {"ours_8": {"per_second": spread([10, 20, 90])}, "bare_8": {"per_second": spread([40])}}
    assert ratios({"reports": rates})["reports_8_vs_bare"] == 0.5


def test_a_report_says_what_is_missing_and_what_failed(tmp_path: Path) -> None:
    run = {"scale": "tiny", "repetitions": 1, "server": {"workers": 1}, "mariadb": {"log_bin": "OFF"}}
    machine = {"cpus": 1, "cpu": "x", "memory_gib": 1, "kernel": "6", "load_before": [0.0]}
    figures = {"run": run, "storm": {"failed": "OSError: away"}}
    found = {"machine": machine, "date": "2026-01-01", "versions": {}, "ratios": {}, "figures": figures}
    write(tmp_path / "performance.md", json.loads(json.dumps(found)))
    page = (tmp_path / "performance.md").read_text()
    assert "storm failed in this run" in page
    assert page.count("| not measured |") == len(TARGETS)
