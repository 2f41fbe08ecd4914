"""Jobmon's own server as it is on PyPI, in an environment of its own, over its own HTTP API.

Its preparation (tool, template, node, …) is not what is measured: the rows of a task instance that was launched are inserted.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql
from pymysql.cursors import Cursor

from bench.peers.environment import PeerMissing, install, running
from bench.support.bench import Bench, server_settings
from jobmon_server.bench.load import Script, request
from tests.support.processes import free_port
from tests.support.server import environment

VERSION = "3.2.2"
REQUIREMENTS = (
    f"jobmon_server=={VERSION}",
    f"jobmon_core=={VERSION}",
    "mysqlclient",
    "gunicorn",
    "setuptools<81",
)
#: Threads and kept connections, as ours: it is quicker with them than with gunicorn's default, the worker that does one thing.
OPTIONS = ("--worker-class", "gthread", "--keep-alive", "75")
APPLICATION = "jobmon.server.web.wsgi:app"
INCREMENT = 3_600


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


@contextmanager
def serving(bench: Bench) -> Iterator[Peer]:
    """Serve it on a database of the same MariaDB, with as many workers and threads as ours; raise PeerMissing."""
    programs = install("jobmon", REQUIREMENTS)
    with bench.free_name() as url:
        settings = _initialised(programs, url)
        port, ours = free_port(), server_settings()
        command = [str(programs / "gunicorn"), "--workers", str(ours["workers"]), *OPTIONS]
        command += ["--threads", str(ours["threads"]), "--bind", f"127.0.0.1:{port}", APPLICATION]
        address = f"http://127.0.0.1:{port}"
        with running(command, settings, bench.directory / "peer.log", address) as pid:
            yield Peer(address, pid, url)


def _initialised(programs: Path, url: str) -> dict[str, str]:
    """Let it make its database, which must not be there yet; return the environment of its server."""
    theirs = url.replace("mysql+pymysql", "mysql+mysqldb")
    settings = environment(JOBMON__DB__SQLALCHEMY_DATABASE_URI=theirs, JOBMON__WEB__USE_APM="false")
    command = [str(programs / "jobmon_server"), "init_db", "--sqlalchemy_database_uri", theirs]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=settings)
    if done.returncode:
        raise PeerMissing(f"init_db: {done.stderr.strip()[-600:]}")
    return settings


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
