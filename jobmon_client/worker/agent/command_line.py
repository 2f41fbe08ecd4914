"""`python -m jobmon_client.worker agent` (many commands, told over a pipe) and `… run` (one instance)."""

from __future__ import annotations

import argparse
import fcntl
import json
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

from jobmon_client import config, log
from jobmon_client.errors import JobmonError
from jobmon_client.loop import stop_on_signals
from jobmon_client.system.private_files import open_text
from jobmon_client.worker.agent.agent import Agent
from jobmon_client.worker.agent.pipe import follow, write_change
from jobmon_client.worker.agent.single import attend, run_one
from jobmon_client.worker.agent.starting import make_room
from jobmon_client.worker.process.subreaper import adopt


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = argparse.ArgumentParser(prog="python -m jobmon_client.worker", description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True)
    agent = verbs.add_parser("agent", help="run what comes as JSON lines on stdin")
    agent.add_argument("--concurrency", type=int)
    agent.add_argument("--users-file", type=Path, help="hold a shared lock on this file while alive")
    agent.add_argument(
        "--later", action="store_true", help="the other options are the first line on stdin, a JSON list"
    )
    one = verbs.add_parser("run", help="run one task instance")
    one.add_argument("--task-instance-id", type=int, required=True)
    one.add_argument("--distributor-id")
    for verb in (agent, one):
        verb.add_argument("--server-url")
        verb.add_argument("--log-dir", type=Path)
        verb.add_argument("--heartbeat-interval", type=float)
        verb.add_argument("--spool-dir", type=Path, help="keep results here until the server has heard them")
    return top


def run_agent(settings: config.Settings, spool: Path) -> int:
    """Serve the parent until it says stop or is gone; Ctrl-C at its terminal is its business."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop_on_signals(stop, signal.SIGTERM, signal.SIGHUP)
    subreaper = adopt()
    open_files, watchable = make_room()
    settings = replace(settings, concurrency=min(settings.concurrency, watchable))
    agent = Agent(settings, changed=write_change, spool_dir=spool, subreaper=subreaper, open_files=open_files)
    agent.start()
    threading.Thread(target=follow, args=(agent, sys.stdin), name="orders", daemon=True).start()
    attend(agent, subreaper, stop)
    return 0


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says, or if it says so the first line on stdin; end where none comes."""
    given = parser().parse_args()
    if not getattr(given, "later", False):
        return given
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return parser().parse_args(["agent", *json.loads(line)])


def main() -> int:
    """Run the verb and return its exit code; 2 for a bad setting, 4 for a server that refused."""
    given = parse_arguments()
    names = ("server_url", "concurrency", "log_dir", "heartbeat_interval")
    lock = None
    try:
        settings = config.load({name: getattr(given, name, None) for name in names})
        server_url = settings.server_url
        if server_url is None:
            raise JobmonError("no server: give --server-url or set JOBMON_SERVER_URL")
        log.configure(settings.log_level)
        spool = given.spool_dir or config.spool_dir(settings, server_url)
        if given.verb == "agent":
            if given.users_file is not None:  # an embedded server's
                settings = settings.at(server_url)
                lock = open_text(given.users_file, "a")
                fcntl.flock(lock, fcntl.LOCK_SH)
            return run_agent(settings, spool)
        stop = threading.Event()
        stop_on_signals(stop)
        return run_one(
            replace(settings, log_dir=config.database_log_dir(settings, server_url)),
            given.task_instance_id,
            distributor_id=given.distributor_id,
            spool_dir=spool,
            stop=stop,
        )
    except JobmonError as error:
        sys.stderr.write(f"{error}\n")
        return 4
    finally:
        if lock is not None:
            lock.close()
