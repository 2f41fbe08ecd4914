"""`jobmon explain`: why a task instance is where it is, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from jobmon_client.cli.options import as_json, plain, print_json, server
from jobmon_client.cli.session import api_of
from jobmon_client.states import Outcome


@click.command()
@click.argument("task_instance_id", type=int, required=False)
@click.option("--task", "task_id", type=int, metavar="ID", help="A task instead: what it waits for.")
@server
@as_json
def explain(
    *, task_instance_id: int | None, task_id: int | None, server_url: str | None, as_json: bool
) -> None:
    """Explain a task instance: who holds it, what was decided, what may come, what comes by itself and when."""
    if (task_instance_id is None) == (task_id is None):
        raise click.UsageError("give either the id of a task instance, or --task and the id of a task")
    with api_of(server_url) as api:
        if task_id is not None:
            explanation, lines = api.explain_task(task_id), task_text
        else:
            explanation, lines = api.explain(task_instance_id or 0), text
    if as_json:
        print_json(explanation)
        return
    for line in lines(explanation):
        click.echo(plain(line))


def task_text(explanation: dict[str, Any]) -> Iterator[str]:
    """Yield the explanation of a task as lines to be read."""
    since = f" since {explanation['status_at']}" if explanation["status_at"] else ""
    used = f"{explanation['num_attempts']} of {explanation['max_attempts']} attempts used"
    yield f"Task {explanation['task_id']} ({explanation['name']}) is {explanation['status']}{since}, {used}"
    yield from (f"  waits for {obstacle}" for obstacle in explanation["waits_for"])
    if explanation["ready_at"] is not None:
        yield f"  not before {explanation['ready_at']}: its retry delay (jobmon retry --task ends it)"
    for one in explanation["upstreams"]:
        yield f"  upstream {one['task_id']} ({one['name']}) is {one['status']}"
    instance = explanation["current_task_instance_id"]
    if instance is not None:
        yield f"Its last attempt: jobmon explain {instance}"


def text(explanation: dict[str, Any]) -> Iterator[str]:
    """Yield the explanation as lines to be read."""
    task = explanation["task"]
    yield f"Task instance {explanation['task_instance_id']} is {explanation['status']} since {explanation['status_at']}"
    yield f"  held by   {holder_text(explanation['holder'])}"
    yield f"  deadline  {deadline_text(explanation['deadline'])}"
    yield f"  task      {task['task_id']} ({task['name']}) is {task['status']}, {attempts_text(explanation)}"
    for obstacle in task["waits_for"]:
        yield f"            waits for {obstacle}"
    yield f"Next: {explanation['next']['what']}{when_text(explanation['next'])}"
    yield f"If it seems stuck: {explanation['advice']}"
    if explanation["edges"]:
        yield "What may come:"
    for edge in explanation["edges"]:
        yield f"  {edge['to']}: {edge['why']}"
        yield from (f"    {_trigger(one)}" for one in edge["triggers"])
    yield "Last decisions, oldest first:"
    yield from (f"  {decision_text(one)}" for one in explanation["decisions"])


def holder_text(holder: dict[str, Any]) -> str:
    """Say who holds it, as what, and for which cluster."""
    parts = [
        ("worker {}", holder["worker_id"]),
        ("on {}", holder["nodename"]),
        ("distributor {}", holder["distributor"]),
        ("as {}", holder["distributor_id"]),
    ]
    known = [form.format(value) for form, value in parts if value]
    return f"{', '.join(known) or 'nobody'} (cluster {holder['cluster']})"


def deadline_text(deadline: dict[str, Any]) -> str:
    """Say until when somebody must speak, and how far off that is."""
    if deadline["report_by"] is None:
        return "none"
    seconds = deadline["seconds"]
    when = f"passed {-seconds:.1f} s ago" if deadline["overdue"] else f"in {seconds:.1f} s"
    return f"{deadline['report_by']}, {when}"


def attempts_text(explanation: dict[str, Any]) -> str:
    """Say how many attempts are used, and what is special about this one."""
    task = explanation["task"]
    marks = [mark for mark in ("orphan", "requeue") if task[mark]]
    if not task["is_current"]:
        marks.append(f"older: its current instance is {task['current_task_instance_id']}")
    noted = f" ({', '.join(marks)})" if marks else ""
    return f"{task['num_attempts']} of {task['max_attempts']} attempts used{noted}"


def when_text(coming: dict[str, Any]) -> str:
    """Say when it comes, after a space; nothing where there is no instant."""
    if coming["at"] is None:
        return ""
    seconds = coming["seconds"]
    return f" At {coming['at']}, {'now' if seconds <= 0 else f'in {seconds:.1f} s'}."


def _trigger(trigger: dict[str, Any]) -> str:
    said = f"{trigger['report']} ({trigger['reporter']}): "
    if trigger["outcome"] == Outcome.APPLIED:
        return f"{said}applied, its task {trigger['task']}"
    return f"{said}{trigger['outcome'] or 'not yet'}" + (f", {trigger['needs']}" if trigger["needs"] else "")


def decision_text(row: dict[str, Any]) -> str:
    """Say a row of the journal in one line."""
    who = row["reporter"] + (f" {row['reporter_id']}" if row["reporter_id"] else "")
    reason = (row["reason"] or "").partition("\n")[0]
    said = f"{row['time']} {row['from'] or '-'} → {row['to']} {row['outcome']}, by {who}"
    return f"{said}: {reason}" if reason else said


COMMANDS = (explain,)
