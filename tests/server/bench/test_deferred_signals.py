"""Signals that come while something is made are heard when it is made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from jobmon_server.bench.deferred_signals import ENDING, deferred_signals


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_comes_after_the_block(number: signal.Signals) -> None:
    heard: list[str] = []
    before = signal.signal(number, lambda *_: heard.append("signal"))
    try:
        with deferred_signals():
            os.kill(os.getpid(), number)
            child = subprocess.run([sys.executable, "-c", "import os; os.kill(os.getpid(), 15)"], check=False)
            heard.append("block")
        assert heard == ["block", "signal"]
        assert child.returncode == -signal.SIGTERM, "what is started in it hears signals"
    finally:
        signal.signal(number, before)
