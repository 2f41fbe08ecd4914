"""Commands that go on until they are told to end: serve, reap."""

from __future__ import annotations

import gc
import os
import signal
import threading
from pathlib import Path
from typing import Any

import click

from jobmon_client.states import LostContact
from jobmon_client.system import lazy_imports
from jobmon_server.cli.base import auth_options, database_option, load_settings, opened
from jobmon_server.settings.auth import NONE
from jobmon_server.settings.checks import LEVELS

UNGUARDED = (
    "jobmon-server: WARNING: auth = none: every user and every program of this machine can read everything here, and run"
    " commands as whoever runs a distributor. Leave out --no-auth (JOBMON_AUTH, auth) to ask for a token."
)


@click.command()
@database_option
@click.option("--host", help="Default: 127.0.0.1; nothing but loopback is taken without --auth tokens.")
@click.option("--port", type=int, help="Default: 5070; 0 takes a free one.")
@click.option("--workers", type=int, help="Processes. Default: 1 for SQLite, else one per CPU.")
@click.option("--threads", type=int, help="Threads of a process. Default: 16.")
@click.option("--reaper-period", type=float, metavar="SECONDS", help="Default: 1.")
@click.option(
    "--lost-contact",
    type=click.Choice([*LostContact]),
    help="What workers out of touch do with their commands. Default: continue.",
)
@click.option("--while-used", metavar="FILE", help="End when nobody holds a shared lock on FILE any more.")
@auth_options
@click.option("--log-level", type=click.Choice(LEVELS), help="Default: info.")
@click.option("--log-sql/--no-log-sql", default=None, help="Log every SQL statement, without secrets.")
def serve(**flags: Any) -> None:
    """Serve the API; makes the schema if the database is empty."""
    settings = load_settings(flags)
    if settings.auth == NONE:
        click.echo(UNGUARDED, err=True)
    try:
        Path.cwd()
    except OSError:  # it was deleted: what is imported below asks for it, and nothing of ours needs it
        os.chdir("/")
    gc.disable()  # what is loaded stays; `serve` enables it when all is there
    lazy_imports.load_structlog()
    # Of what Flask, Werkzeug and gunicorn import: error pages that are not ours, their own command lines.
    lazy_imports.defer_imports("html", "difflib", "argparse")
    from jobmon_server.serving.start import serve as run

    run(settings)


@click.command()
@database_option
@click.option("--reaper-period", type=float, metavar="SECONDS", help="Default: 1.")
@click.option("--once", is_flag=True, help="Reap what is overdue now, and end.")
def reap(once: bool, **flags: Any) -> None:
    """Act on deadlines that have passed, as a server does."""
    from jobmon_server import log
    from jobmon_server.background.reaper import Reaper
    from jobmon_server.db.schema.lifecycle import check_current

    with opened(flags) as (database, settings):
        log.configure(settings.log_level)
        database.read(check_current)
        stop = threading.Event()
        reaper = Reaper(database, settings, stop)
        if once:
            reaper.step_once()
            return
        set_at_a_signal(stop)
        reaper.start()
        stop.wait()
        reaper.stop()


def set_at_a_signal(stop: threading.Event) -> None:
    """Set the event at the first SIGTERM, SIGINT or SIGHUP."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` had it ignored
            signal.signal(number, lambda *_: stop.set())


COMMANDS = (serve, reap)
