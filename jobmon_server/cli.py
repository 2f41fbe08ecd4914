"""`jobmon-server`: serve, db upgrade, db check, reap, fsm. Exit 2: wrong use or setting; 4: served already."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jobmon_server.config import LEVELS, Settings
from jobmon_server.errors import JobmonServerError

if TYPE_CHECKING:
    from jobmon_server.db.transaction import Database

Function = TypeVar("Function", bound=Callable[..., Any])


class Commands(click.Group):
    """A group whose commands end with our errors' exit codes, and a sentence instead of a traceback."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(context)
        except JobmonServerError as error:
            click.echo(f"jobmon-server: {error.message}", err=True)
            context.exit(error.exit_code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The Jobmon server. Settings come from flags, then JOBMON_* variables, then server.toml."""


def database_option(function: Function) -> Function:
    """Add --database-url."""
    return click.option(
        "--database-url", metavar="URL", help="Default: a SQLite file in the data directory."
    )(function)


@contextmanager
def opened(flags: dict[str, Any]) -> Iterator[tuple[Database, Settings]]:
    """Open the database that the settings name, for one command."""
    from jobmon_server.db.schema import usable

    settings = Settings.load(flags)
    settings.make_directory()
    with usable(settings.database_url) as database:
        yield database, settings


@main.command()
@database_option
@click.option("--host", help="Default: 127.0.0.1; nothing but loopback is taken.")
@click.option("--port", type=int, help="Default: 5070; 0 takes a free one.")
@click.option("--workers", type=int, help="Processes. Default: 1 for SQLite, else one per CPU.")
@click.option("--threads", type=int, help="Threads of a process. Default: 8.")
@click.option("--reaper-period", type=float, metavar="SECONDS", help="Default: 1.")
@click.option("--while-used", metavar="FILE", help="End when nobody holds a shared lock on FILE any more.")
@click.option("--log-level", type=click.Choice(LEVELS), help="Default: info.")
def serve(**flags: Any) -> None:
    """Serve the API; makes the schema if the database is empty."""
    settings = Settings.load(flags)
    from jobmon_server.serve import serve as run

    run(settings)


@main.group()
def db() -> None:
    """Look after the database."""


@db.command("upgrade")
@database_option
def db_upgrade(**flags: Any) -> None:
    """Bring the schema to this version's revision, or make it."""
    from jobmon_server.db.schema import upgrade

    with opened(flags) as (database, _):
        click.echo(f"The schema is of revision {upgrade(database.engine)}.")


@db.command("check")
@database_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def db_check(as_json: bool, **flags: Any) -> None:
    """Check every invariant between tables, read only. Exit 1 if one is violated."""
    from jobmon_server.check_file import keep
    from jobmon_server.db.check import check
    from jobmon_server.db.schema import check_current
    from jobmon_server.routes.wire import encode

    with opened(flags) as (database, settings):
        database.read(check_current)
        violations = list(database.read(check))
        keep(settings, len(violations))
    if as_json:
        click.echo(encode(violations))
    else:
        for violation in violations:
            click.echo(f"{violation.table} {violation.id}: not so: {violation.rule}")
        click.echo(f"{len(violations)} violations" if violations else "no violation")
    sys.exit(1 if violations else 0)


@main.command()
@database_option
@click.option("--reaper-period", type=float, metavar="SECONDS", help="Default: 1.")
@click.option("--once", is_flag=True, help="Reap what is overdue now, and end.")
def reap(once: bool, **flags: Any) -> None:
    """Act on deadlines that have passed, as a server does."""
    from jobmon_server import log
    from jobmon_server.db.schema import check_current
    from jobmon_server.reaper import Reaper

    with opened(flags) as (database, settings):
        log.configure(settings.log_level)
        database.read(check_current)
        stop = threading.Event()
        reaper = Reaper(database, settings, stop)
        if once:
            reaper.reap_once()
            return
        set_at_a_signal(stop)
        reaper.start()
        stop.wait()
        reaper.stop()


def set_at_a_signal(stop: threading.Event) -> None:
    """Set the event at the first SIGTERM or SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


@main.command()
@click.option("--format", "form", type=click.Choice(["mermaid", "markdown", "json"]), default="markdown")
def fsm(form: str) -> None:
    """Print the state machines as they run."""
    from jobmon_server.fsm.diagram import MACHINES, as_json, as_markdown, as_mermaid

    if form == "json":
        click.echo(json.dumps(as_json(), indent=2, ensure_ascii=False))
    elif form == "markdown":
        click.echo(as_markdown(), nl=False)
    else:
        for name, table in MACHINES.items():
            click.echo(f"%% {name}\n{as_mermaid(table)}")
