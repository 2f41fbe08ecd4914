"""Commands about the database."""

from __future__ import annotations

import sys
from typing import Any

import click

from jobmon_server.cli import maintenance, retention
from jobmon_server.cli.base import database_option, opened


@click.group()
def db() -> None:
    """Look after the database."""


@db.command("upgrade")
@database_option
def db_upgrade(**flags: Any) -> None:
    """Bring the schema to this version's revision, or make it."""
    from jobmon_server.db.schema.lifecycle import upgrade

    with opened(flags) as (database, settings):
        revision = upgrade(database.engine, settings.extra_indexes)
        click.echo(f"The schema is of revision {revision}.")


@db.command("check")
@database_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def db_check(as_json: bool, **flags: Any) -> None:
    """Check every invariant between tables, read only. Exit 1 if one is violated."""
    from jobmon_server.check_file import write_check
    from jobmon_server.db.admin.integrity import check
    from jobmon_server.db.schema.lifecycle import check_current
    from jobmon_server.routes.http.endpoint import encode

    with opened(flags) as (database, settings):
        database.read(check_current)
        violations = list(database.read(check))
        write_check(settings, len(violations))
    if as_json:
        click.echo(encode(violations))
    else:
        for violation in violations:
            click.echo(f"{violation.table} {violation.id}: not so: {violation.rule}")
        click.echo(f"{len(violations)} violations" if violations else "no violation")
    sys.exit(1 if violations else 0)


for module in (retention, maintenance):
    for command in module.COMMANDS:
        db.add_command(command)
COMMANDS = (db,)
