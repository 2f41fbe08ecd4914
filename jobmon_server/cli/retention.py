"""Commands about what is kept: expire, archive."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import click

from jobmon_server.cli.base import database_option, opened


@click.command()
@database_option
@click.option(
    "--purge", is_flag=True, help="Also delete what was flagged long enough ago, and finish deletions."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def expire(*, purge: bool, as_json: bool, **flags: Any) -> None:
    """Flag what is past its time, as a server does by itself; the last of each owner is kept. Exit 1 if one failed."""
    from jobmon_server.actions.retention.retention_pass import run_retention_pass
    from jobmon_server.db.schema.lifecycle import check_current
    from jobmon_server.routes.http.endpoint import encode

    with opened(flags) as (database, settings):
        database.read(check_current)
        kept = run_retention_pass(database, settings, lambda: True, purges=purge)
        if purge and not settings.purge_after:
            click.echo("jobmon-server: purge_after is 0, so nothing flagged is deleted by its age.", err=True)
    if as_json:
        click.echo(encode(asdict(kept)))
    else:
        names = ("flagged", "kept", "held", "purged", "removed", "failed")
        click.echo(", ".join(f"{name} {len(getattr(kept, name))}" for name in names))
        for failure in kept.failed:
            click.echo(f"workflow {failure.workflow_id}: {failure.message}", err=True)
    sys.exit(1 if kept.failed else 0)


@click.command("archive")
@click.argument("workflow_id", type=int)
@click.option("--to", "file", metavar="FILE", required=True, type=click.Path(dir_okay=False))
@database_option
def archive_workflow(*, workflow_id: int, file: str, **flags: Any) -> None:
    """Write a workflow in which nothing lives to a gzip of JSON lines. A file of anything else is not overwritten."""
    from pathlib import Path

    from jobmon_server.actions.retention.archive import archive
    from jobmon_server.db.schema.lifecycle import check_current

    with opened(flags) as (database, _):
        database.read(check_current)
        is_new = archive(database, workflow_id, Path(file))
    click.echo(f"{file}: written" if is_new else f"{file}: has it, as it is, already")


COMMANDS = (expire, archive_workflow)
