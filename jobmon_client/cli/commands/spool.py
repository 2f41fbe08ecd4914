"""Commands about results that a server has not heard yet."""

from __future__ import annotations

import click

from jobmon_client.cli.options import as_json, plain, print_json, server, settings_of
from jobmon_client.cli.tables import print_table
from jobmon_client.running.connection import connected
from jobmon_client.worker.reporting.replay import replay
from jobmon_client.worker.reporting.spool import waiting
from jobmon_client.worker.reporting.spool_file import unreadable


@click.group()
def spool() -> None:
    """See and send the results that workers of this machine keep on disk until the server has heard them.

    Workers and distributors send them by themselves; this is for a machine on which none runs any more.
    """


@spool.command(name="list")
@server
@as_json
def list_waiting(*, server_url: str | None, as_json: bool) -> None:
    """List what waits, of workers that live too, and files that hold what cannot be read.

    Lines that are no reports are set aside, as they are, in files of the suffix .bad; nothing sends or removes those.
    """
    with connected(settings_of(server_url=server_url)) as connection:
        found = waiting(connection.spool_dir)
        directory = connection.spool_dir
        bad = [{"file": path.name, "problem": problem} for path, problem in unreadable(directory)]
    rows = [
        (report["task_instance_id"], report.get("error_state", "DONE"), path.name)
        for path, reports in found
        for report in reports
    ]
    if as_json:
        keys = ("task_instance_id", "status", "file")
        found_rows = [dict(zip(keys, row, strict=True)) for row in rows]
        print_json({"directory": str(directory), "waiting": found_rows, "unreadable": bad})
        return
    click.echo(f"{len(rows)} waiting in {directory}")
    if rows:
        print_table(["INSTANCE", "STATUS", "FILE"], rows)
    for one in bad:
        click.echo(f"{plain(one['file'])}: {one['problem']}")


@spool.command()
@server
@as_json
def flush(*, server_url: str | None, as_json: bool) -> None:
    """Send what workers that are gone left behind."""
    with connected(settings_of(server_url=server_url)) as connection:
        done = replay(connection.api, connection.spool_dir)
    if as_json:
        print_json({"sent": done.sent, "refused": done.refused})
        return
    refused = f", {done.refused} refused by the server" if done.refused else ""
    click.echo(f"{done.sent} sent{refused}")


COMMANDS = (spool,)
