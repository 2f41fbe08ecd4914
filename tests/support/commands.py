"""The real `jobmon` command line as a subprocess, with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from jobmon_client import config
from jobmon_client.cli.app import jobmon
from jobmon_client.running.embedded import Place, is_locked
from tests.support.processes import kill
from tests.support.server import environment
from tests.support.waiting import eventually


@dataclass
class Here:
    """Runs `jobmon …` in this process, against a server that answers: what a shell would start, without the start."""

    home: Path
    server_url: str

    def __call__(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        own = environment(XDG_DATA_HOME=str(self.home), JOBMON_SERVER_URL=self.server_url)
        given: dict[str, str | None] = {**dict.fromkeys(os.environ), **own}
        ended = CliRunner().invoke(jobmon, [*map(str, arguments)], env=given)
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return subprocess.CompletedProcess(
            [*map(str, arguments)], ended.exit_code, ended.stdout, ended.stderr
        )

    def json(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """Run with --json and return the one object; the exit code must be `code`."""
        ended = self(*arguments, "--json")
        assert ended.returncode == code, (ended.returncode, ended.stdout, ended.stderr)
        found: dict[str, Any] = json.loads(ended.stdout)
        return found


@dataclass
class Jobmon:
    """Runs `jobmon …` against one database, by an embedded server."""

    home: Path
    database_url: str
    settings: dict[str, str] = field(default_factory=dict)
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What every command is started with."""
        own = {"XDG_DATA_HOME": str(self.home), "JOBMON_DATABASE_URL": self.database_url, **self.settings}
        return environment(**own)

    def __call__(self, *arguments: object, timeout: float = 50.0) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        process = self.start(*arguments)
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except BaseException:
            kill(process)  # type: ignore[arg-type]
            process.communicate()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start it as the leader of a session, as a terminal would."""
        process = subprocess.Popen(
            [sys.executable, "-c", "from jobmon_client.cli import main; main()", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd=self.home,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """End what is left of the commands that were started, and of their server."""
        for process in self._started:
            if process.poll() is None:
                kill(process)  # type: ignore[arg-type]
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        self.wait_for_end_of_server()

    def json(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """Run with --json and return the one object; the exit code must be `code`."""
        ended = self(*arguments, "--json")
        assert ended.returncode == code, (ended.returncode, ended.stdout, ended.stderr)
        found: dict[str, Any] = json.loads(ended.stdout)
        return found

    @property
    def place(self) -> Place:
        """Where the embedded server says that it lives."""
        return Place.of(
            config.load({"database_url": self.database_url, "data_dir": self.home / "jobmon"}, {})
        )

    def wait_for_end_of_server(self) -> None:
        """Return when the embedded server is gone."""
        eventually(lambda: not is_locked(self.place.file("server")), 30, what="the embedded server ends")
