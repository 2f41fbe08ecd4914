"""The command that measures. Exit 1: a call failed; 3: the database is not empty, nothing was changed."""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

import click

from jobmon_server.errors import ConfigurationError

MOST_CLIENTS = 256
MOST_NUMBERS = 8


def _clients(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, ...]:
    """Take numbers with commas between them."""
    try:
        numbers = tuple(dict.fromkeys(int(one) for one in text.split(",")))
    except ValueError:
        numbers = ()
    if not 1 <= len(numbers) <= MOST_NUMBERS or not all(1 <= one <= MOST_CLIENTS for one in numbers):
        raise click.BadParameter(f"must be 1 to {MOST_NUMBERS} numbers from 1 to {MOST_CLIENTS}, as 1,8,32")
    return numbers


@click.command()
@click.option(
    "--database-url",
    metavar="URL",
    help="An empty database for this alone, empty again afterwards; a SQLite file must not be there yet.",
)
@click.option(
    "--server", "server_url", metavar="URL", help="A server that runs: workflows are bound and deleted there."
)
@click.option("--token", envvar="JOBMON_TOKEN", default="", help="For a --server with --auth: an operator's.")
@click.option("--clients", callback=_clients, default="1,8,32", show_default=True, metavar="N,…")
@click.option(
    "--seconds",
    type=click.FloatRange(0.05, 60),
    default=3.0,
    show_default=True,
    help="At most, for each figure.",
)
@click.option("--workers", type=int, help="As for `serve`.")
@click.option("--threads", type=int, help="As for `serve`.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(
    *,
    database_url: str | None,
    server_url: str | None,
    token: str,
    clients: tuple[int, ...],
    seconds: float,
    as_json: bool,
    **flags: Any,
) -> None:
    """Measure this machine: reports, batches, heartbeats, claims and reads a second, on MariaDB beside the bare driver.

    Name either an empty database, on which a server is started for it, or a server that runs.
    """
    from jobmon_server.bench import command
    from jobmon_server.bench.table import table

    if (database_url is None) == (server_url is None):
        raise ConfigurationError(
            "Name an empty database (--database-url) or a server (--server), one of the two; no setting is taken for it."
        )
    asked = command.BenchOptions(clients, seconds, lambda line: click.echo(line, err=True))
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was made is taken away first
    try:
        if database_url is not None:
            found = command.on_database(asked, database_url, flags)
        else:
            found = command.on_server(asked, str(server_url), token)
    finally:
        signal.signal(signal.SIGTERM, before)
    click.echo(json.dumps(found, indent=1) if as_json else table(found))
    sys.exit(1 if any(one["errors"] for one in found["figures"].values()) else 0)


COMMANDS = (bench,)
