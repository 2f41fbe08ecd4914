"""`wait`, `position` and `callbacks`: what is not over yet, and who is told when it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from jobmon_client.api.client import Api
from jobmon_client.cli.filters import TASK, WORKFLOW
from jobmon_client.cli.options import as_json, plain, print_json, server
from jobmon_client.cli.session import api_of, gathered, limit
from jobmon_client.cli.tables import print_table
from jobmon_client.states import TaskStatus

DONE = TaskStatus.DONE
WAITS: dict[str, tuple[Callable[[Api], Callable[..., dict[str, Any]]], str]] = {
    WORKFLOW: (lambda api: api.wait_for_workflow, "DONE, FAILED, STOPPED or HALTED"),
    TASK: (lambda api: api.wait_for_task, "DONE, ERROR_FATAL or STOPPED"),
}


def wait_command(of: str) -> click.Command:
    """Make `wait` for a workflow, or for a task."""
    call, ends = WAITS[of]

    @click.command(name="wait", help=f"Wait until it is {ends}; the exit code is 0 if it is DONE, else 1.")
    @click.argument(f"{of}_id", type=int)
    @click.option("--timeout", type=click.FloatRange(0), metavar="SECONDS", help="Not longer than this.")
    @server
    @as_json
    def run(*, timeout: float | None, server_url: str | None, as_json: bool, **ids: int) -> None:
        (of_id,) = ids.values()
        with api_of(server_url) as api:
            found = call(api)(of_id, seconds=timeout)
        if as_json:
            print_json(found)
        else:
            click.echo(f"{of} {of_id} is {found['status']}{'' if found['over'] else ' still'}")
        if found["status"] != DONE:
            raise SystemExit(1)

    return run


@click.command(name="position")
@click.argument("task_id", type=int)
@server
@as_json
def show_position(*, task_id: int, server_url: str | None, as_json: bool) -> None:
    """Say how many live attempts of its cluster and queue are before a task's."""
    with api_of(server_url) as api:
        api.task(task_id)
        ahead, total = api.position(task_id)
    if as_json:
        print_json({"task_id": task_id, "ahead": ahead, "total_active": total})
    else:
        click.echo(f"{ahead} ahead, {total} active")


@click.command(name="callbacks")
@click.argument("workflow_id", type=int)
@click.option(
    "--retry", "callback_id", type=int, metavar="ID", help="Try this one again, which was given up."
)
@server
@limit
@as_json
def list_callbacks(
    *, workflow_id: int, callback_id: int | None, server_url: str | None, limit: int, as_json: bool
) -> None:
    """List what was posted to a workflow's callback URL, and what became of it."""
    with api_of(server_url) as api:
        if callback_id is not None:
            api.retry_callback(workflow_id, callback_id)
        rows = gathered(lambda **page: api.callbacks(workflow_id, **page), "callbacks", limit)
    if as_json:
        print_json({"callbacks": rows})
        return
    names = ("callback_id", "workflow_status", "status", "attempts", "next_try_at", "last_error")
    heads = ["ID", *(name.replace("_", " ").upper() for name in names[1:])]
    print_table(
        heads, ([plain(row[name]) if row[name] is not None else "-" for name in names] for row in rows)
    )
