"""Jobmon's own server as it is on PyPI, in an environment of its own, over its own HTTP API.

Its preparation (tool, template, node, …) is not what is measured: the rows of a task instance that was launched are inserted.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql
from pymysql.cursors import Cursor

from bench.peers.empty import answers
from bench.support.bench import Bench, server_settings
from bench.support.load import Script, request
from tests.support.processes import end, free_port
from tests.support.server import environment
from tests.support.waiting import eventually

VERSION = "3.2.2"
REQUIREMENTS = (
    f"jobmon_server=={VERSION}",
    f"jobmon_core=={VERSION}",
    "mysqlclient",
    "gunicorn",
    "setuptools<81",
)
#: gunicorn's own default serves it best of what was tried; its requests hold a session of their own.
OPTIONS = ("--worker-class", "sync")
INCREMENT = 3_600


class PeerMissing(Exception):
    """It could not be installed or started here; the message says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server of theirs that answers, and its database."""

    url: str
    pid: int
    database_url: str

    def lives(self, first: int, count: int) -> list[Script]:
        """Running, then done, of these instances, as their worker node says it."""
        return [
            (
                request(
                    "running",
                    f"/task_instance/{one}/log_running",
                    {"nodename": "node-1", "process_group_id": 4711, "next_report_increment": INCREMENT},
                    wanted="task_instance",
                    prefix="",
                ),
                request(
                    "done",
                    f"/task_instance/{one}/log_done",
                    {"nodename": "node-1", "stdout_log": "", "stderr_log": ""},
                    wanted='"D"',
                    prefix="",
                ),
            )
            for one in range(first, first + count)
        ]


def install(home: Path) -> Path:
    """Return the folder of the programs of its environment, made once."""
    folder = home / f"jobmon-{VERSION}"
    if (folder / "complete").exists():
        return folder / "bin"
    home.mkdir(parents=True, exist_ok=True)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(folder / "bin" / "pip"), "--disable-pip-version-check", "--quiet", "install", *REQUIREMENTS],
    ):
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=900)
        if done.returncode:
            raise PeerMissing(f"{' '.join(command[:4])} …: {(done.stderr or done.stdout).strip()[-600:]}")
    (folder / "complete").touch()
    return folder / "bin"


@contextmanager
def serving(bench: Bench, home: Path) -> Iterator[Peer]:
    """Serve it on a database of the same MariaDB, with as many workers as ours; raise PeerMissing."""
    programs = install(home)
    with bench.free_name() as url:
        theirs = url.replace("mysql+pymysql", "mysql+mysqldb")
        settings = environment(JOBMON__DB__SQLALCHEMY_DATABASE_URI=theirs, JOBMON__WEB__USE_APM="false")
        init = [str(programs / "jobmon_server"), "init_db", "--sqlalchemy_database_uri", theirs]
        done = subprocess.run(init, check=False, capture_output=True, text=True, timeout=120, env=settings)
        if done.returncode:
            raise PeerMissing(f"init_db: {done.stderr.strip()[-600:]}")
        port, log = free_port(), bench.directory / "peer.log"
        command = [str(programs / "gunicorn"), "--workers", str(server_settings()["workers"]), *OPTIONS]
        command += ["--bind", f"127.0.0.1:{port}", "jobmon.server.web.wsgi:app"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env=settings,
                start_new_session=True,
            )
        try:
            address = f"http://127.0.0.1:{port}"
            try:
                eventually(lambda: answers(address), 60, what="their server answers")
            except AssertionError as error:
                raise PeerMissing(log.read_text(errors="replace")[-600:]) from error
            yield Peer(address, process.pid, url)
        finally:
            end(process, timeout=20)


def fill(connection: pymysql.Connection[Cursor], count: int) -> int:
    """Insert tasks with a launched instance each, of the same ids; return the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(MAX(id), 0) + 1 FROM task_instance")
        ((first,),) = cursor.fetchall()
        cursor.execute("INSERT INTO task_resources (requested_resources) VALUES ('{}')")
        facts = {"first": first, "resources": cursor.lastrowid}
        numbers = f"seq_0_to_{count - 1}"
        cursor.execute("BEGIN")
        for statement in (_TASKS, _INSTANCES):
            cursor.execute(statement.replace("NUMBERS", numbers), facts)
        cursor.execute("COMMIT")
    return int(first)


_TASKS = """
INSERT INTO task (id, name, command, task_resources_id, num_attempts, max_attempts, status, status_date)
SELECT %(first)s + seq, CONCAT('task-', seq), 'true', %(resources)s, 1, 3, 'O', NOW() FROM NUMBERS
"""
_INSTANCES = """
INSERT INTO task_instance (id, task_id, task_resources_id, array_batch_num, array_step_id, status, submitted_date, status_date,
    report_by_date)
SELECT %(first)s + seq, %(first)s + seq, %(resources)s, 1, seq, 'O', NOW(), NOW(), NOW() + INTERVAL 30 DAY FROM NUMBERS
"""
