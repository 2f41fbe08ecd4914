"""Commands that only look: status, tasks, errors, logs."""

from __future__ import annotations

import sys

import click

from jobmon_client.cli.options import as_json, plain, print_json, server
from jobmon_client.cli.session import api_of, gathered, limit
from jobmon_client.cli.tables import print_table
from jobmon_client.running.task import STREAMS, read_stream
from jobmon_client.states import TaskStatus

STATUSES = tuple(status.value for status in TaskStatus)


@click.command()
@click.argument("workflow_id", type=int, required=False)
@server
@limit
@as_json
def status(*, workflow_id: int | None, server_url: str | None, limit: int, as_json: bool) -> None:
    """Show a workflow, or all of them."""
    with api_of(server_url) as api:
        if workflow_id is not None:
            workflow = api.workflow(workflow_id)
            if as_json:
                print_json(workflow)
                return
            click.echo(f"Workflow {workflow_id} ({plain(workflow['name'])}) is {workflow['status']}")
            print_table(["STATUS", "TASKS"], sorted(workflow["tasks"].items()))
            return
        workflows = gathered(api.workflows, "workflows", limit)
    if as_json:
        print_json({"workflows": workflows})
    elif workflows:
        print_table(
            ["ID", "STATUS", "NAME"], [(one["workflow_id"], one["status"], one["name"]) for one in workflows]
        )
    else:
        click.echo("No workflows yet: try `jobmon demo`.")


@click.command()
@click.argument("workflow_id", type=int)
@click.option(
    "--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only tasks with this status."
)
@server
@limit
@as_json
def tasks(*, workflow_id: int, status: str | None, server_url: str | None, limit: int, as_json: bool) -> None:
    """List a workflow's tasks."""
    with api_of(server_url) as api:
        found = gathered(
            lambda **page: api.workflow_tasks(workflow_id, status=status, **page), "tasks", limit
        )
    if as_json:
        print_json({"tasks": found})
        return
    delayed = any(task.get("ready_at") for task in found)
    rows = [
        (
            task["task_id"],
            task["status"],
            f"{task['num_attempts']}/{task['max_attempts']}",
            task.get("task_instance_id") or "-",
            *((task.get("ready_at") or "-",) if delayed else ()),
            task["name"],
        )
        for task in found
    ]
    print_table(
        ["ID", "STATUS", "ATTEMPTS", "LAST INSTANCE", *(("NOT BEFORE",) if delayed else ()), "NAME"], rows
    )


@click.command()
@click.argument("workflow_id", type=int)
@server
@limit
@as_json
def errors(*, workflow_id: int, server_url: str | None, limit: int, as_json: bool) -> None:
    """Show what failed in a workflow: each attempt with its error and the end of its stderr."""
    with api_of(server_url) as api:
        api.workflow(workflow_id)
        found = gathered(lambda **page: api.workflow_errors(workflow_id, **page), "errors", limit)
    if as_json:
        print_json({"errors": found})
        return
    if not found:
        click.echo(f"No errors in workflow {workflow_id}.")
    for error in found:
        click.echo(
            f"{plain(error['name'])}: attempt {error['attempt']}, {error['status']}, {error['error_time']}"
            f" (task instance {error['task_instance_id']}, told by the {error['source']})"
        )
        # A worker's description quotes the end of stderr, which follows whole.
        has_stderr = bool(error.get("stderr_log"))
        description = error["description"] or ""
        _print_indented(description.partition("\n")[0] if has_stderr else description)
        if has_stderr:
            click.echo("  stderr:")
            _print_indented(error["stderr_log"], "    ")


def _print_indented(text: str | None, indent: str = "  ") -> None:
    for line in plain(text or "").splitlines():
        click.echo(f"{indent}{line}".rstrip())


@click.command()
@click.argument("task_instance_id", type=int)
@click.option(
    "--stream",
    type=click.Choice(STREAMS),
    help="Only this one, byte for byte; both if not given.",
)
@server
@as_json
def logs(*, task_instance_id: int, stream: str | None, server_url: str | None, as_json: bool) -> None:
    """Show what an attempt wrote: the whole files if they are on this machine, else their ends."""
    with api_of(server_url) as api:
        instance = api.task_instance(task_instance_id)
    content = {one: read_stream(instance, one) for one in (STREAMS if stream is None else (stream,))}
    if as_json:
        texts = {
            one: {"path": instance.get(one), "text": data.decode(errors="replace")}
            for one, data in content.items()
        }
        print_json({"task_instance_id": task_instance_id, "status": instance["status"], **texts})
    elif stream is not None:
        sys.stdout.buffer.write(content[stream])
    else:
        for one, data in content.items():
            click.echo(f"== {one} ({instance.get(one) or 'no file'})")
            click.echo(plain(data.decode(errors="replace")), nl=not data.endswith(b"\n"))


COMMANDS = (status, tasks, errors, logs)
