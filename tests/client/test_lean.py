"""What a process of ours does without."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from jobmon_client import lean
lean.load_structlog()
assert "structlog" in sys.modules
assert "rich" not in sys.modules
import rich.console
"""


def test_structlog_comes_without_rich_and_rich_can_be_had_afterwards() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True, timeout=30)
