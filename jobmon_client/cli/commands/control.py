"""The short commands that steer: pause, play, stop, retry, rerun of one workflow, or of some of its tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from jobmon_client.api.client import Api
from jobmon_client.cli.bulk_operation import HELP, must_ask, yes
from jobmon_client.cli.filters import condition
from jobmon_client.cli.options import as_json, plain, print_json, reason, server
from jobmon_client.cli.session import api_of
from jobmon_client.states import Outcome, TaskStatus

MOST = 10_000


def act(
    api: Api, verb: str, workflow_id: int | None, task_ids: Sequence[int], **facts: Any
) -> dict[str, Any]:
    """Do it and return `applied`, `task_ids`, and `outcomes` of the tasks that were not changed."""
    if workflow_id is not None:
        return as_many(api.act("workflow", workflow_id, verb, **facts).body)
    if len(task_ids) == 1:
        return as_many(api.act("task", task_ids[0], verb, **facts).body)
    return api.act_on_tasks(task_ids, verb, reason=facts.get("reason"))


def act_on_some(
    api: Api, verb: str, workflow_id: int | None, status: str, reason: str | None
) -> dict[str, Any]:
    """Act on the tasks of a workflow that have a status."""
    chosen = [condition("workflow_id", "eq", workflow_id), condition("status", "eq", status)]
    return api.act_on_tasks(None, verb, reason=reason, search=chosen, max_limit=0)


def as_many(body: Any) -> dict[str, Any]:
    """Return the reply to an act on one thing in the form of a reply to many."""
    unchanged = [] if body["outcome"] == Outcome.APPLIED else [{**body}]
    told = {name: body[name] for name in ("hold_changed", "begun_below") if body.get(name)}
    if told.get("hold_changed"):
        unchanged = []
    return {
        "applied": body.get("applied", 0),
        "task_ids": body.get("task_ids", []),
        "outcomes": unchanged,
        **told,
    }


def ask_first(api: Api, verb: str, workflow_id: int | None, task_ids: Sequence[int]) -> None:
    """Show what a stop of a workflow ends, or a rerun undoes, and ask; nothing is asked where it undoes nothing."""
    if workflow_id is None:
        done = [one for one in task_ids if api.task(one)["status"] == TaskStatus.DONE]
        said = [f"task {one} is {TaskStatus.DONE}: it would run again" for one in done]
    else:
        found = api.workflow(workflow_id)
        counts = ", ".join(f"{count} {status}" for status, count in sorted(found["tasks"].items()))
        effect = "what is not DONE would be stopped" if verb == "stop" else "all of it would run again"
        said = [f"workflow {workflow_id} ({found['name']}) is {found['status']}: {counts}; {effect}"]
        if verb == "rerun" and TaskStatus.DONE not in found["tasks"]:
            said = []
    if said:
        must_ask(verb, look="")
        for line in said:
            click.echo(plain(line), err=True)
        click.confirm(f"{verb}?", abort=True, err=True)


def command(verb: str) -> click.Command:
    """Make the command of one verb."""

    @click.command(name=verb, help=HELP[verb])
    @click.argument("workflow_id", type=int, required=False)
    @click.option("--task", "task_ids", type=int, multiple=True, help="This task; may be given again.")
    @reason
    @server
    @as_json
    def run(
        workflow_id: int | None,
        task_ids: tuple[int, ...],
        reason: str | None,
        server_url: str | None,
        *,
        as_json: bool,
        cascade: bool = False,
        yes: bool = False,
        status: str | None = None,
    ) -> None:
        if (workflow_id is None) == (not task_ids) or len(task_ids) > MOST:
            raise click.UsageError(f"give either a workflow's id or --task, at most {MOST} times")
        if cascade and len(task_ids) != 1:
            raise click.UsageError("--cascade is for one --task")
        if status is not None and workflow_id is None:
            raise click.UsageError("--status is for a workflow: it chooses among its tasks")
        with api_of(server_url) as api:
            if not yes and (verb == "rerun" or (verb == "stop" and workflow_id is not None)):
                whole = status in {None, TaskStatus.DONE}
                ask_first(api, verb, workflow_id if whole else None, task_ids)
            if status is not None:
                done = act_on_some(api, verb, workflow_id, status, reason=reason)
            else:
                done = act(
                    api, verb, workflow_id, task_ids, reason=reason, **({"cascade": True} if cascade else {})
                )
        tell(verb, done, as_json=as_json)

    return run


def tell(verb: str, done: dict[str, Any], *, as_json: bool) -> None:
    """Say what was changed, and exit with 1 if anything was refused."""
    refused = [one for one in done["outcomes"] if one["outcome"] != Outcome.DUPLICATE]
    if as_json:
        print_json(done)
    else:
        tasks = "1 task" if done["applied"] == 1 else f"{done['applied']} tasks"
        click.echo(f"{verb}: {tasks} changed")
        if done.get("hold_changed") and not done["applied"]:
            click.echo("the workflow is held" if verb == "pause" else "the workflow is held no longer")
        for one in done.get("begun_below") or ():
            click.echo(
                f"jobmon: task {one['task_id']} ({plain(one['name'])}) below it is {one['status']} and does not run"
                " again: jobmon rerun --task ID --cascade runs both",
                err=True,
            )
        for one in refused:
            what = f"task {one['task_id']}" if "task_id" in one else "it"
            said = one.get("error", {}).get("message") or one.get("problem")
            problem = plain(said or f"{one['outcome']} ({one['status']})")
            click.echo(f"jobmon: {what} was not changed: {problem}", err=True)
    if refused:
        raise SystemExit(1)


COMMANDS = tuple(map(command, HELP))
for _command in COMMANDS:
    if _command.name == "rerun":
        _command.params.append(
            click.Option(["--cascade"], is_flag=True, help="Also what is below the task and has begun.")
        )
        _command.params.append(
            click.Option(
                ["--status"],
                type=click.Choice([status.value for status in TaskStatus], case_sensitive=False),
                help="Of the workflow only the tasks with this status.",
            )
        )
    if _command.name in {"stop", "rerun"}:
        yes(_command)
