"""What a process of ours does without."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from jobmon_client.system import lazy_imports
lazy_imports.load_structlog()
assert "structlog" in sys.modules
assert "rich" not in sys.modules
import rich.console
"""


def test_structlog_comes_without_rich_and_rich_can_be_had_afterwards() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True, timeout=30)


PUT_OFF = """
import sys, threading
from jobmon_client.system import lazy_imports
lazy_imports.defer_imports("html", "difflib", "wave")
import html, wave
assert "html.entities" not in sys.modules and "difflib" in sys.modules
found = []
start = threading.Barrier(8)
def use():
    start.wait()
    found.append(html.escape("<"))
threads = [threading.Thread(target=use) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert found == ["&lt;"] * 8, found
assert sys.modules["html"] is not html and html.unescape is sys.modules["html"].unescape
from difflib import SequenceMatcher
from html.entities import html5
import html.parser
lazy_imports.defer_imports("html", "json.tool")
assert html.escape("<") == "&lt;"
"""


def test_what_is_put_off_comes_when_it_is_used_by_any_number_of_threads() -> None:
    subprocess.run([sys.executable, "-c", PUT_OFF], check=True, timeout=30)


def test_structlog_comes_without_asyncio_and_asyncio_can_be_had_afterwards() -> None:
    code = """
import sys
from jobmon_client.system import lazy_imports
lazy_imports.load_structlog()
assert "asyncio.events" not in sys.modules
import asyncio, asyncio.subprocess
assert asyncio.run(asyncio.sleep(0, 7)) == 7
import structlog
assert structlog.stdlib.asyncio.get_running_loop is asyncio.get_running_loop
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
