"""The same tests are collected by processes that start at different times, as pytest-xdist wants it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.house.rules import ROOT
from tests.support.server import environment
from tests.support.waiting import eventually

#: A busy machine needs minutes for what takes 20 seconds on a quiet one.
SECONDS = 1200


def collect(seed: int, folder: Path | str) -> subprocess.Popen[str]:
    """Start to collect, in an order of sets of its own."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "--long"]
    return subprocess.Popen(
        [*command, str(folder)],
        cwd=ROOT,
        env=environment(PYTHONHASHSEED=str(seed)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def collected(process: subprocess.Popen[str]) -> list[str]:
    """What it has collected, in its order."""
    told, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, told[-2000:]
    return [line for line in told.splitlines() if "::" in line]


def twice(folder: Path | str) -> tuple[list[str], list[str]]:
    """Collect by two processes, the second started in a later second."""
    first = collect(1, folder)
    began = int(time.time())
    eventually(lambda: int(time.time()) > began, what="a later second has begun")
    second = collect(2, folder)
    return collected(first), collected(second)


@pytest.mark.slow
@pytest.mark.timeout(2 * SECONDS)
def test_two_processes_collect_the_same_tests_in_the_same_order() -> None:
    first, second = twice("tests")
    assert len(first) > 1_000
    assert first == second


@pytest.mark.timeout(2 * SECONDS)
def test_a_parameter_that_depends_on_the_process_is_found(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser): parser.addoption('--long', action='store_true')\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_x.py").write_text(
        "import os, time\n"
        "import pytest\n"
        "@pytest.mark.parametrize('x', [time.time_ns(), os.getpid(), list({'a', 'b', 'c', 'd', 'e'})[0], 1])\n"
        "def test_it(x): pass\n"
    )
    first, second = twice(tmp_path)
    alike = [one == other for one, other in zip(first, second, strict=True)]
    assert alike == [False, False, False, True]
