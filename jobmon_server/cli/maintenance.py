"""Commands about a whole database: optimize, reset, indexes. Exit 3: refused, nothing was changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from jobmon_server.cli.base import database_option, opened

MAX_LIVE = 100
MAX_LIMIT = 25


@click.command()
@database_option
@click.option("--max-live", type=click.IntRange(0), default=MAX_LIVE, show_default=True, metavar="N")
@click.option("--force", is_flag=True, help="Even while more than --max-live instances live.")
def optimize(*, max_live: int, force: bool, **flags: Any) -> None:
    """Pack the tables anew, so that what was deleted takes no room."""
    from jobmon_server.actions.retention import maintenance
    from jobmon_server.db.schema.lifecycle import check_current

    with opened(flags) as (database, _):
        database.read(check_current)
        for statement in maintenance.optimize(database, max_live, force=force):
            click.echo(statement)


@click.command()
@database_option
@click.option("--yes", is_flag=True, help="Yes, delete every row.")
@click.option("--max-limit", type=click.IntRange(0), default=MAX_LIMIT, show_default=True, metavar="N")
@click.option("--force", is_flag=True, help="Even while something lives.")
def reset(*, yes: bool, max_limit: int, force: bool, **flags: Any) -> None:
    """Delete every row of the database, tokens included, unless there are more than --max-limit workflows."""
    from jobmon_server.actions.retention import maintenance
    from jobmon_server.db.schema.lifecycle import check_current
    from jobmon_server.errors import Refused

    with opened(flags) as (database, _):
        database.read(check_current)
        if not yes:
            raise Refused("This deletes every row; say --yes. Nothing was deleted.")
        counts = database.transact(maintenance.reset, max_limit, force=force)
    for name, count in counts.items():
        click.echo(f"{name}: {count} deleted")
    click.echo("The database is empty.")


@click.command()
@database_option
@click.option("--table", metavar="NAME", help="Only of this table.")
@click.option("--unique", is_flag=True, help="Only unique ones.")
@click.option(
    "--rebuild", is_flag=True, help="Build them anew; prints the plan, and does it only with --yes."
)
@click.option("--yes", is_flag=True, help="Yes, carry the plan out.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def indexes(
    *, table: str | None, unique: bool, rebuild: bool, yes: bool, as_json: bool, **flags: Any
) -> None:
    """List the indexes that there should be and those that there are; make what is missing, `extra_indexes` too."""
    from jobmon_server.db.schema import indexes as queries
    from jobmon_server.db.schema.lifecycle import check_current
    from jobmon_server.errors import Refused

    with opened(flags) as (database, settings):
        database.read(check_current)
        chosen = _chosen(database.read(queries.known, settings.extra_indexes), table, unique=unique)
        if rebuild:
            plan = database.read(queries.rebuilt_by, chosen)
            click.echo("\n".join(plan))
            if not yes:
                raise Refused("This is the plan; say --yes to carry it out. Nothing was changed.")
            database.outside(queries.rebuild, plan)
            return
        made = {one.name for one in database.transact(queries.make_missing, chosen)}
    _tell(chosen, made, as_json=as_json)


def _chosen(known: list[Any], table: str | None, *, unique: bool) -> list[Any]:
    return [one for one in known if table in {None, one.table} and (one.unique or not unique)]


def _tell(chosen: list[Any], made: set[str], *, as_json: bool) -> None:
    from jobmon_server.routes.http.endpoint import encode

    rows = [asdict(one) | {"state": "made" if one.name in made else one.state} for one in chosen]
    if as_json:
        click.echo(encode(rows))
        return
    for row in rows:
        kind = "unique " if row["unique"] else ""
        click.echo(f"{row['state']:<10} {row['table']}: {kind}{row['name']} ({', '.join(row['columns'])})")


COMMANDS = (optimize, reset, indexes)
