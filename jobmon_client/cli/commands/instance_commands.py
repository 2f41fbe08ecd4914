"""Commands to running instances: what their workers are told, and what became of it; what they measure."""

from __future__ import annotations

from typing import Any

import click

from jobmon_client.api.client import Api
from jobmon_client.cli.bulk_operation import REFUSALS_SHOWN, OperationTerms, counted, on_terms
from jobmon_client.cli.commands.edit import change
from jobmon_client.cli.filters import TASK_INSTANCE
from jobmon_client.cli.options import as_json, plain, print_json, server
from jobmon_client.cli.session import api_of, gathered, limit
from jobmon_client.cli.tables import print_table
from jobmon_client.states import CommandName, Outcome

BATCH = 10_000
MOST = 1_000
"""So many are told without --max-limit."""
an_instance = click.argument("task_instance_id", type=int)


@click.command(name="command")
@click.argument("name", type=click.Choice([*CommandName], case_sensitive=False))
@on_terms(TASK_INSTANCE, bounds=["max_limit"])
@click.option(
    "--argument",
    "arguments",
    type=change,
    multiple=True,
    metavar="NAME=VALUE",
    help="What the command takes: seconds=10 of set_heartbeat_interval, signal=SIGUSR1 of signal.",
)
@server
@as_json
def send_command(
    *,
    name: str,
    terms: OperationTerms,
    arguments: tuple[tuple[str, Any], ...],
    server_url: str | None,
    as_json: bool,
) -> None:
    """Tell workers what to do with their commands: with their next heartbeats, until they say that they were told."""
    with api_of(server_url) as api:
        ids = chosen(api, terms)
        done: dict[str, Any] = (
            {"matched": len(ids), "task_instance_ids": ids}
            if terms.preview
            else sent(api, name, dict(arguments), ids)
        )
    if as_json:
        print_json(done)
    elif terms.preview:
        click.echo(f"{counted(len(ids), TASK_INSTANCE)} matched: {', '.join(map(str, ids)) or 'none'}")
    else:
        tell(name, done)
    if any(one["outcome"] != Outcome.DUPLICATE for one in done.get("outcomes", ())):
        raise SystemExit(1)


def chosen(api: Api, terms: OperationTerms) -> list[int]:
    """Return the ids of those that are meant, once it is sure that they are not too many."""
    if terms.ids is not None:
        return terms.ids
    rows = api.find(TASK_INSTANCE, search=terms.conditions, fields=["task_instance_id"], limit=0)
    ids = [int(row["task_instance_id"]) for row in rows]
    most = MOST if terms.max_limit is None else terms.max_limit
    if most and len(ids) > most:
        raise click.UsageError(
            f"{counted(len(ids), TASK_INSTANCE)} matched, more than --max-limit {most}; none was told"
        )
    return ids


def sent(api: Api, name: str, arguments: dict[str, Any], ids: list[int]) -> dict[str, Any]:
    """Tell them, batch by batch; return what the batches' replies say together."""
    done: dict[str, Any] = {"applied": 0, "command_ids": [], "outcomes": []}
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        said = api.send_commands(
            [{"task_instance_id": one, "command": name, "arguments": arguments} for one in batch]
        )
        for key in done:
            done[key] += said[key]
    return done


def tell(name: str, done: dict[str, Any]) -> None:
    """Say how many are told, and on stderr who is not, and why."""
    click.echo(f"{name}: {counted(done['applied'], TASK_INSTANCE)} will be told")
    for one in done["outcomes"][:REFUSALS_SHOWN]:
        why = plain(one["message"] or f"{one['outcome']} ({one['status']})")
        click.echo(f"jobmon: task instance {one['task_instance_id']} is not told: {why}", err=True)


@click.command(name="commands")
@an_instance
@server
@limit
@as_json
def list_commands(*, task_instance_id: int, server_url: str | None, limit: int, as_json: bool) -> None:
    """List what an instance's worker was told, and what it made of it."""
    with api_of(server_url) as api:
        rows = gathered(lambda **page: api.commands(task_instance_id, **page), "commands", limit)
    if as_json:
        print_json({"commands": rows})
        return
    heads = ("command_id", "command", "status", "created_by", "created_at", "acknowledged_at", "result")
    print_table(
        ["ID", *(head.upper().replace("_", " ") for head in heads[1:])],
        ([row[head] if row[head] is not None else "-" for head in heads] for row in rows),
    )


@click.command(name="metrics")
@an_instance
@click.option("--name", metavar="NAME", help="Only the values of this name.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=1_000, help="Values at most; 1000 if not given."
)
@server
@as_json
def list_metrics(
    *, task_instance_id: int, name: str | None, limit: int, server_url: str | None, as_json: bool
) -> None:
    """List what an instance's heartbeats measured: the last values, oldest first."""
    with api_of(server_url) as api:
        rows = api.metric_values(task_instance_id, name=name, limit=limit)
    if as_json:
        print_json({"metrics": rows})
    else:
        print_table(["TIME", "NAME", "VALUE"], ([row["time"], row["name"], row["value"]] for row in rows))


COMMANDS = (send_command, list_commands, list_metrics)
