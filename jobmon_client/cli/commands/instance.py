"""`jobmon instance`: attempts at tasks, one by one and many at once."""

from __future__ import annotations

from typing import Any

import click

from jobmon_client.api.client import Api
from jobmon_client.cli.commands import explain, inspect, instance_commands
from jobmon_client.cli.commands.explain import (
    attempts_text,
    deadline_text,
    decision_text,
    holder_text,
    when_text,
)
from jobmon_client.cli.filters import TASK_INSTANCE
from jobmon_client.cli.listing import count_command, list_command, summary_command
from jobmon_client.cli.options import as_json, plain, print_json, server
from jobmon_client.cli.session import api_of
from jobmon_client.cli.tables import print_facts
from jobmon_client.states import Outcome

an_instance = click.argument("task_instance_id", type=int)


@click.group()
def instance() -> None:
    """Look at task instances: each is one attempt at a task."""


@instance.command()
@an_instance
@server
@as_json
def show(*, task_instance_id: int, server_url: str | None, as_json: bool) -> None:
    """Show an instance: where it is, where it came from, what comes next and when, and its last error."""
    with api_of(server_url) as api:
        found = instance_status(api, task_instance_id)
    if as_json:
        print_json(found)
    else:
        print_facts(facts(found))


def instance_status(api: Api, task_instance_id: int) -> dict[str, Any]:
    """Return the instance with what its explanation, its journal and its error log add to it."""
    instance = api.task_instance(task_instance_id)
    explanation = api.explain(task_instance_id)
    errors = api.error_log(task_instance_id)
    moves = [row for row in explanation["decisions"] if row["outcome"] == Outcome.APPLIED]
    return {
        **instance,
        "previous_status": moves[-1]["from"] if moves else None,
        "last_error": errors[-1] if errors else None,
        **{key: explanation[key] for key in ("holder", "deadline", "task", "next")},
    }


def facts(found: dict[str, Any]) -> list[tuple[str, object]]:
    """Return what is shown of it, in the order in which it is asked."""
    error, coming = found["last_error"], found["next"]
    return [
        ("INSTANCE", f"{found['task_instance_id']}, attempt {found['attempt']} at task {found['task_id']}"),
        ("NAME", found["name"]),
        ("STATUS", found["status"]),
        ("SINCE", found["status_at"]),
        ("BEFORE", found["previous_status"]),
        ("TASK", f"{found['task_status']}, {attempts_text(found)}"),
        ("HELD BY", holder_text(found["holder"])),
        ("DEADLINE", deadline_text(found["deadline"])),
        ("NEXT", f"{coming['what']}{when_text(coming)}"),
        ("LAST ERROR", error and f"{error['error_time']}, by the {error['source']}:\n{error['description']}"),
        *((name.upper(), found[name]) for name in ("stdout", "stderr")),
        *((name.removesuffix("_at").upper(), found[name]) for name in TIMES),
    ]


TIMES = ("queued_at", "instantiated_at", "launched_at", "started_at", "heartbeat_at", "finished_at")


@instance.command()
@an_instance
@server
@as_json
def journal(*, task_instance_id: int, server_url: str | None, as_json: bool) -> None:
    """Show every decision about an instance, refused ones too, oldest first."""
    with api_of(server_url) as api:
        rows = api.journal(task_instance_id)
    if as_json:
        print_json({"journal": rows})
    for row in [] if as_json else rows:
        click.echo(plain(decision_text(row)))


@instance.command()
@an_instance
@server
@as_json
def errors(*, task_instance_id: int, server_url: str | None, as_json: bool) -> None:
    """Show the errors of an instance, oldest first."""
    with api_of(server_url) as api:
        rows = api.error_log(task_instance_id)
    if as_json:
        print_json({"errors": rows})
    for row in [] if as_json else rows:
        click.echo(plain(f"{row['error_time']}, by the {row['source']}: {row['description']}"))


for make in (list_command, count_command, summary_command):
    instance.add_command(make(TASK_INSTANCE))
for command in (explain.explain, inspect.logs, *instance_commands.COMMANDS):
    instance.add_command(command)

COMMANDS = (instance,)
