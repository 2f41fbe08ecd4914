"""Other people's servers live in environments of their own, made once for each lock: what was asked for, and for which Python."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.support.processes import end
from tests.support.waiting import eventually

HOME = Path("~/.cache/jobmon-bench").expanduser()
INSTALL_SECONDS = 900
START_SECONDS = 90


class PeerMissing(Exception):
    """It could not be installed or started here; the message says why."""


def place(name: str, requirements: Sequence[str]) -> Path:
    """Return the folder of an environment: another one as soon as a requirement or the Python changes."""
    lock = json.dumps([platform.python_version(), *sorted(requirements)])
    return HOME / f"{name}-{hashlib.sha256(lock.encode()).hexdigest()[:16]}"


def install(name: str, requirements: Sequence[str]) -> Path:
    """Return the folder of the programs of an environment with these packages from PyPI; raise PeerMissing."""
    folder = place(name, requirements)
    if (folder / "complete").exists():
        return folder / "bin"
    folder.parent.mkdir(parents=True, exist_ok=True)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(folder / "bin" / "pip"), "--disable-pip-version-check", "--quiet", "install", *requirements],
    ):
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        if done.returncode:
            raise PeerMissing(f"{' '.join(command[:4])} …: {(done.stderr or done.stdout).strip()[-600:]}")
    (folder / "complete").touch()
    return folder / "bin"


@contextmanager
def running(command: Sequence[str], settings: dict[str, str], log: Path, url: str) -> Iterator[int]:
    """Run a server until the block ends, from when it answers, whatever it says; its process id. Raise PeerMissing."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=settings, start_new_session=True
        )
    try:
        try:
            eventually(lambda: answers(url), START_SECONDS, every=0.2, what="it answers")
        except AssertionError as error:
            raise PeerMissing(log.read_text(errors="replace")[-600:]) from error
        yield process.pid
    finally:
        end(process, timeout=20)


def answers(url: str) -> bool:
    """Whether something answers there in time, whatever it says."""
    try:
        requests.get(url, timeout=5)
    except (requests.ConnectionError, requests.Timeout):
        return False
    return True
