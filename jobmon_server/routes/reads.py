"""What people and loops look at."""

from __future__ import annotations

from typing import Any

from flask import Response

from jobmon_client.states import TaskStatus
from jobmon_server.actions.explain import explain as explained
from jobmon_server.db import pages
from jobmon_server.db import reads as queries
from jobmon_server.routes import views
from jobmon_server.routes.explanation import Explanation
from jobmon_server.routes.fields import Schema
from jobmon_server.routes.query import Digits, Words
from jobmon_server.routes.wire import blueprint, get, read, reply

reads = blueprint("reads", "Read models.")
LARGEST_PAGE = 1000


class Page(Schema):
    """A page: what comes after a cursor, up to a limit."""

    after = Digits()
    limit = Digits(minimum=1, maximum=LARGEST_PAGE, load_default=100)


class TaskPage(Page):
    """A page of tasks of these statuses."""

    status = Words(TaskStatus)


@get(reads, "/task_instance/<id:task_instance_id>", reply=views.TaskInstanceView)
def task_instance(task_instance_id: int) -> Response:
    """Every field that a report can set, the ids, the statuses and the times."""
    return reply(read(queries.read_task_instance, task_instance_id))


@get(reads, "/task_instance/<id:task_instance_id>/journal", reply=views.Journal)
def journal(task_instance_id: int) -> Response:
    """Every decision about an instance, refused ones too, oldest first."""
    return reply({"journal": read(queries.read_journal, task_instance_id)})


@get(reads, "/task_instance/<id:task_instance_id>/explain", reply=Explanation)
def explain(task_instance_id: int) -> Response:
    """Why an instance is where it is, what may come, what comes by itself and when."""
    return reply(read(explained, task_instance_id))


@get(reads, "/task_instance/<id:task_instance_id>/task_instance_error_log", reply=views.ErrorLog)
def task_instance_error_log(task_instance_id: int) -> Response:
    """The errors of an instance, oldest first."""
    return reply({"task_instance_error_log": read(queries.read_error_log, task_instance_id)})


@get(reads, "/task/<id:task_id>", reply=views.TaskView)
def task(task_id: int) -> Response:
    """A task and the ids of its instances."""
    return reply(read(queries.read_task, task_id))


@get(reads, "/workflow/<id:workflow_id>", reply=views.WorkflowView)
def workflow(workflow_id: int) -> Response:
    """A workflow, its last run, and how many tasks it has of each status."""
    return reply(read(queries.read_workflow, workflow_id))


@get(reads, "/workflow/<id:workflow_id>/tasks", query=TaskPage, reply=views.Tasks)
def list_tasks(
    workflow_id: int, limit: int, after: int = 0, status: list[TaskStatus] | None = None
) -> Response:
    """Tasks of a workflow by id, with the current instance of each."""
    rows = read(pages.list_tasks, workflow_id, statuses=status, limit=limit, after=after)
    return reply({"tasks": rows, "next": cursor(rows, "task_id", limit)})


@get(reads, "/workflow/<id:workflow_id>/leaves", query=TaskPage, reply=views.Tasks)
def list_leaves(
    workflow_id: int, limit: int, after: int = 0, status: list[TaskStatus] | None = None
) -> Response:
    """Tasks of a workflow that no other task waits for, by id."""
    rows = read(pages.list_tasks, workflow_id, statuses=status, limit=limit, after=after, only_leaves=True)
    return reply({"tasks": rows, "next": cursor(rows, "task_id", limit)})


@get(reads, "/workflow/<id:workflow_id>/errors", query=Page, reply=views.Errors)
def list_errors(workflow_id: int, limit: int, after: int = 0) -> Response:
    """Errors of a workflow, oldest first, with the last of what the commands wrote."""
    rows = read(pages.list_errors, workflow_id, limit=limit, after=after)
    return reply({"errors": rows, "next": cursor(rows, "error_id", limit)})


def cursor(rows: list[dict[str, Any]], key: str, limit: int) -> int | None:
    """Return where the next page starts, or None after the last."""
    return rows[-1][key] if len(rows) == limit else None
