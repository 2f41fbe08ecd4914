"""The bench runs: one command, a database of its own, figures as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.rules import ROOT


@pytest.mark.slow
def test_the_bench_measures_and_writes_down(tmp_path: Path) -> None:
    written = tmp_path / "performance.json"
    command = [sys.executable, "-m", "bench", "--scale", "tiny", "--no-peers", "--only", "storm", "claims"]
    command += ["--json", str(written), "--report", str(tmp_path / "performance.md")]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=55)
    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(written.read_text())
    assert set(found) == {"machine", "date", "versions", "ratios", "figures"}
    assert json.loads(done.stdout) == found["ratios"]
    assert found["figures"]["storm"]["storm"]["errors"] == 0
    assert found["figures"]["claims"]["distributors_4"]["per_second"]["median"] > 0
