"""A copy of the project in which one file at a time is changed, and the tests run there, each time in a fresh process.

The process is forked from this one, which has imported the libraries of others and nothing of ours: starting Python and
importing them anew would cost several times what the tests do.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.mutants.mutant import ROOT, Mutant

#: Times the seconds that its tests need on the code as it is: then a mutant runs in circles, and is caught.
PATIENCE, LEAST_SECONDS = 5.0, 60.0
_QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
LIBRARIES = """
alembic.command click flask flask_smorest jsonschema marshmallow pymysql requests sqlalchemy.dialects.mysql.pymysql
sqlalchemy.dialects.sqlite sqlalchemy.orm structlog werkzeug.test prometheus_client uuid tomllib sqlite3 re2
hypothesis hypothesis.stateful schemathesis.pytest.plugin
""".split()


class Tree:
    """The copy, in a directory of its own; what it was copied from is never written."""

    def __init__(self, place: Path) -> None:
        """Copy what git knows or would take."""
        self._place = place
        self._limits: dict[tuple[tuple[str, ...], str], float] = {}
        shutil.rmtree(place, ignore_errors=True)
        for name in _listed("--cached", "--others", "--exclude-standard"):
            if (ROOT / name).is_file():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, place / name)
        for name in LIBRARIES:
            with suppress(ImportError):
                importlib.import_module(name)

    def is_caught(self, mutant: Mutant) -> bool:
        """Tell whether its tests fail with it. Raises RuntimeError where they fail without it."""
        wanted = (mutant.tests, mutant.database)
        if wanted not in self._limits:
            began = time.monotonic()
            if self._fails(*wanted, within=3600):
                raise RuntimeError(
                    f"they fail as it is: {' '.join(mutant.tests)}; see {self._place / 'output'}"
                )
            self._limits[wanted] = max(LEAST_SECONDS, PATIENCE * (time.monotonic() - began))
        with self._changed(mutant):
            return self._fails(*wanted, within=self._limits[wanted])

    @contextmanager
    def _changed(self, mutant: Mutant) -> Iterator[None]:
        path = self._place / mutant.file
        shutil.copy2(path, self._place / "as_it_was")
        try:
            path.write_text(mutant.source)
            yield
        finally:
            shutil.move(self._place / "as_it_was", path)

    def _fails(self, tests: Sequence[str], database: str, *, within: float) -> bool:
        others = ["mariadb"] if database == "sqlite" else ["sqlite"]
        marks = " and ".join(f"not {name}" for name in (*others, "long"))
        child = os.fork()
        if child == 0:
            os._exit(_run(self._place, ["-x", "-q", "-p", "no:cacheprovider", *_QUIET, "-m", marks, *tests]))
        until = time.monotonic() + within
        while time.monotonic() < until:
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                _end_group(child)
                return os.waitstatus_to_exitcode(status) != 0
            _pause(0.02)
        _end_group(child)
        os.waitpid(child, 0)
        return True


def _end_group(leader: int) -> None:
    """End what a run of tests has left behind, or is stuck in."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def _run(place: Path, arguments: list[str]) -> int:
    """Run pytest in the copy; in the child."""
    os.setsid()
    os.chdir(place)
    for name in [
        name for name in sys.modules if name.partition(".")[0] in {"tests", "jobmon_client", "jobmon_server"}
    ]:
        del sys.modules[name]
    output = os.open("output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.putenv("PYTHONPATH", str(place))
    sys.path[:] = [str(place), *(one for one in sys.path if one not in {"", str(ROOT)})]
    import pytest

    return int(pytest.main(arguments))


def _listed(*options: str) -> list[str]:
    done = subprocess.run(["git", "ls-files", *options], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()
