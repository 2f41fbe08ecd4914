"""`jobmon task`: tasks, one by one and many at once."""

from __future__ import annotations

from typing import Any

import click

from jobmon_client.api.client import Api
from jobmon_client.cli.bulk_operation import HELP, Body, OperationTerms, act_command, carry_out, on_terms, yes
from jobmon_client.cli.commands.edit import attributes_command, set_properties
from jobmon_client.cli.commands.wait import show_position, wait_command
from jobmon_client.cli.filters import TASK
from jobmon_client.cli.listing import count_command, list_command, shown, summary_command
from jobmon_client.cli.options import as_json, print_json, reason, server
from jobmon_client.cli.session import api_of
from jobmon_client.cli.tables import print_facts
from jobmon_client.states import TaskStatus

CASCADE = click.Option(["--cascade"], is_flag=True, help="Also what is below them and has begun.")
FORCED = (TaskStatus.DONE, TaskStatus.ERROR_FATAL)


@click.group()
def task() -> None:
    """Look at tasks, and steer them: what runs, waits, failed."""


for make in (list_command, count_command, summary_command, attributes_command):
    task.add_command(make(TASK))
for verb in HELP:
    task.add_command(act_command(TASK, verb))
task.commands["rerun"].params.append(CASCADE)
for command in (set_properties, wait_command(TASK), show_position):
    task.add_command(command)


@task.command()
@click.argument("task_id", type=int)
@server
@as_json
def show(*, task_id: int, server_url: str | None, as_json: bool) -> None:
    """Show a task: its definition, its attempts, what it waits for."""
    with api_of(server_url) as api:
        found = api.task(task_id)
    if as_json:
        print_json(found)
    else:
        print_facts(facts(found))


def facts(found: dict[str, Any]) -> list[tuple[str, object]]:
    """Return what is shown of a task."""
    fields: tuple[str, ...] = (
        "cluster",
        "queue",
        "requested_resources",
        "resource_scales",
        "fallback_queues",
        "priority",
    )
    fields += ("environment", "retry_delay")
    return [
        ("TASK", f"{found['task_id']} of workflow {found['workflow_id']}"),
        ("NAME", found["name"]),
        ("STATUS", found["status"]),
        ("SINCE", found["status_at"]),
        ("ATTEMPTS", f"{found['num_attempts']} of {found['max_attempts']} used"),
        ("INSTANCES", _listed(found["task_instance_ids"])),
        ("AFTER", _listed(found["upstream_ids"])),
        ("WAITS FOR", f"{found['upstreams_left']} of them" if found["upstreams_left"] else None),
        ("NOT BEFORE", found["ready_at"]),
        ("COMMAND", found["command"]),
        ("DIRECTORY", found["working_directory"]),
        *(
            (name.replace("_", " ").upper(), shown(found[name]))
            for name in (*fields, "attributes")
            if found[name]
        ),
        ("CREATED", found["created_at"]),
        ("UPDATED", found["updated_at"]),
    ]


def _listed(ids: list[int]) -> str | None:
    return ", ".join(map(str, ids)) or None


@task.command(name="force-status")
@click.argument("status", type=click.Choice(FORCED, case_sensitive=False))
@on_terms(TASK)
@click.option("--reason", required=True, metavar="TEXT", help="Why: it is written into the journal.")
@yes
@server
@as_json
def force_status(
    *, status: str, terms: OperationTerms, reason: str, yes: bool, server_url: str | None, as_json: bool
) -> None:
    """Say how tasks ended, whatever the tables say; what of them still runs is refused."""

    def call(api: Api, asked: Body) -> Body:
        return api.force_statuses(asked.pop("task_ids", None), status, reason=reason, **asked)

    carry_out("force-status", terms, call, server_url=server_url, as_json=as_json, ask=not yes)


@task.command()
@on_terms(TASK)
@click.option("--force", is_flag=True, help="Also what others wait for, who then wait no more.")
@reason
@yes
@server
@as_json
def delete(
    *,
    terms: OperationTerms,
    force: bool,
    reason: str | None,
    yes: bool,
    server_url: str | None,
    as_json: bool,
) -> None:
    """Delete tasks with their attempts, at most ten unless --max-limit says otherwise; not what lives."""

    def call(api: Api, asked: Body) -> Body:
        ids = asked.pop("task_ids", None)
        return api.delete_tasks(ids, force=force or None, reason=reason, **asked)

    carry_out("delete", terms, call, server_url=server_url, as_json=as_json, ask=not yes)


COMMANDS = (task,)
