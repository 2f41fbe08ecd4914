"""`jobmon workflow`: workflows, one by one and many at once."""

from __future__ import annotations

from typing import Any

import click

from jobmon_client.cli.bulk_operation import HELP, act_command
from jobmon_client.cli.commands.delete import delete_workflows
from jobmon_client.cli.commands.edit import attributes_command
from jobmon_client.cli.commands.wait import list_callbacks, wait_command
from jobmon_client.cli.filters import WORKFLOW
from jobmon_client.cli.listing import count_command, list_command, shown, summary_command
from jobmon_client.cli.options import as_json, print_json, server
from jobmon_client.cli.session import api_of
from jobmon_client.cli.tables import print_facts


@click.group()
def workflow() -> None:
    """Look at workflows, and steer them."""


for make in (list_command, count_command, summary_command, attributes_command):
    workflow.add_command(make(WORKFLOW))
for verb in HELP:
    workflow.add_command(act_command(WORKFLOW, verb))
for command in (delete_workflows, wait_command(WORKFLOW), list_callbacks):
    workflow.add_command(command)


@workflow.command()
@click.argument("workflow_id", type=int)
@server
@as_json
def show(*, workflow_id: int, server_url: str | None, as_json: bool) -> None:
    """Show a workflow: its tasks by status, its run, its limits, how long it is kept."""
    with api_of(server_url) as api:
        found = api.workflow(workflow_id)
    if as_json:
        print_json(found)
    else:
        print_facts(facts(found))


def facts(found: dict[str, Any]) -> list[tuple[str, object]]:
    """Return what is shown of a workflow."""
    run = found["workflow_run_id"]
    most = found["max_concurrently_running"]
    known = (
        "owner",
        "owner_group",
        "tenant",
        "client_id",
        "request_id",
        "configuration",
        "callback_url",
        "attributes",
        "working_directory",
        "environment",
        "retry_delay",
    )
    times = ("created_at", "updated_at", "finished_at", "expires_at", "expired_at")
    return [
        ("WORKFLOW", found["workflow_id"]),
        ("NAME", found["name"]),
        ("STATUS", found["status"]),
        ("SINCE", found["status_at"]),
        (
            "TASKS",
            ", ".join(f"{count} {status}" for status, count in sorted(found["tasks"].items())) or "none",
        ),
        ("RUN", None if run is None else f"{run} is {found['workflow_run_status']}"),
        ("PAUSED", "as a whole, until it is played" if found["held"] else None),
        ("AT ONCE", None if most is None else f"{most} at most"),
        *((name.replace("_", " ").upper(), shown(found[name])) for name in known if found.get(name)),
        *((name.removesuffix("_at").upper(), found.get(name)) for name in times),
    ]


COMMANDS = (workflow,)
