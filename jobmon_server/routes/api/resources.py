"""What people and loops look at."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import ValidationError, fields, validates_schema

from jobmon_client.states import TaskStatus
from jobmon_server.actions.operator.explain import explain as explained
from jobmon_server.actions.operator.explain import explain_task as explained_task
from jobmon_server.db.reads import lookups as queries
from jobmon_server.db.reads import pages
from jobmon_server.db.search import lookup
from jobmon_server.db.search.query import LARGEST_PAGE
from jobmon_server.routes.fields.base import Id, ListOf, Name, Schema, Text, WordField
from jobmon_server.routes.fields.query_params import Attempt, Digits, Words
from jobmon_server.routes.http.endpoint import blueprint, get, post, read, reply
from jobmon_server.routes.schemas import resources
from jobmon_server.routes.schemas.explanation import Explanation, TaskExplanation
from jobmon_server.routes.schemas.list_query import DetailLevel
from jobmon_server.routes.schemas.paging import PageQuery, paged, requested_page
from jobmon_server.routes.schemas.selection import exactly_one

reads = blueprint("reads", "Read models.")


class TaskPage(PageQuery):
    """A page of tasks of these statuses."""

    status = Words(TaskStatus)


class HowMuch(Schema):
    """Whether its history is told as well."""

    detail = WordField(DetailLevel, load_default=DetailLevel.SUMMARY)


@get(reads, "/task_instance/<id:task_instance_id>", query=HowMuch, reply=resources.TaskInstanceView)
def task_instance(task_instance_id: int, detail: DetailLevel) -> Response:
    """Every field that a report can set, the ids, the statuses and the times; with `detail=full` its history as well."""
    query = lookup.read_with_history if detail is DetailLevel.FULL else queries.read_task_instance
    return reply(read(query, task_instance_id))


@get(reads, "/task_instance/<id:task_instance_id>/journal", reply=resources.Journal)
def journal(task_instance_id: int) -> Response:
    """Every decision about an instance, refused ones too, oldest first."""
    return reply({"journal": read(queries.read_journal, task_instance_id)})


@get(reads, "/task_instance/<id:task_instance_id>/explain", reply=Explanation)
def explain(task_instance_id: int) -> Response:
    """Why an instance is where it is, what may come, what comes by itself and when."""
    return reply(read(explained, task_instance_id))


@get(reads, "/task/<id:task_id>/explain", reply=TaskExplanation)
def explain_task(task_id: int) -> Response:
    """Why a task does not run: which upstreams keep it, its delay, a hold, a limit, a run that is missing."""
    return reply(read(explained_task, task_id))


@get(
    reads,
    "/task_instance/<id:task_instance_id>/task_instance_error_log",
    query=PageQuery,
    reply=resources.ErrorLog,
)
def task_instance_error_log(task_instance_id: int, **place: Any) -> Response:
    """The errors of an instance by time, then in the order in which they were written down, and who reported each."""
    page = requested_page(place)
    return paged(
        "task_instance_error_log", read(pages.list_instance_errors, task_instance_id, page=page), page
    )


class OneInstance(Schema):
    """An instance, by exactly one of what may be known of it; `attempt`, of a task, is a number or `last`."""

    task_instance_id = Digits(minimum=1)
    task_id = Digits(minimum=1)
    distributor_id = Name()
    attempt = Attempt()

    @validates_schema(skip_on_field_errors=True)
    def one_way(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse none, and more than one."""
        exactly_one(data, "task_instance_id", "task_id", "distributor_id")
        if "attempt" in data and "task_id" not in data:
            raise ValidationError("goes with task_id", "attempt")


class OneWorkflow(Schema):
    """A workflow, by its own id or by that of a member: exactly one of them."""

    workflow_id = Digits(minimum=1)
    task_id = Digits(minimum=1)
    task_instance_id = Digits(minimum=1)

    @validates_schema(skip_on_field_errors=True)
    def one_way(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse none, and more than one."""
        exactly_one(data, "workflow_id", "task_id", "task_instance_id")


@get(reads, "/task_instance/find", query=OneInstance, reply=resources.TaskInstanceView)
def find_task_instance(**known: Any) -> Response:
    """The instance of this id, of this task (its last, unless `attempt` says which), or of this cluster's id."""
    return reply(read(lookup.find_task_instance, **known))


@get(reads, "/workflow/find", query=OneWorkflow, reply=resources.WorkflowView)
def find_workflow(**known: Any) -> Response:
    """The workflow of this id, or that this task or instance belongs to."""
    return reply(read(lookup.find_workflow, **known))


class TaskIds(Schema):
    """Some tasks."""

    task_ids = ListOf(Id(), required=True, maximum=LARGEST_PAGE)


class TaskCommand(Schema):
    """What a task runs."""

    task_id = Id(required=True)
    command = Text(required=True)


class Commands(Schema):
    """What many tasks run."""

    commands = fields.List(fields.Nested(TaskCommand), required=True)
    missing = fields.List(Id(), required=True)


@post(reads, "/task/commands", body=TaskIds, reply=Commands, refusals=(422, 503))
def commands(task_ids: list[int]) -> Response:
    """The commands of many tasks; `missing` are ids that no task has."""
    found = read(lookup.read_commands, task_ids)
    lines = [{"task_id": one, "command": found[one]} for one in dict.fromkeys(task_ids) if one in found]
    return reply({"commands": lines, "missing": sorted(set(task_ids) - found.keys())})


@get(reads, "/task/<id:task_id>", reply=resources.TaskView)
def task(task_id: int) -> Response:
    """A task and the ids of its instances."""
    return reply(read(queries.read_task, task_id))


@get(reads, "/workflow/<id:workflow_id>", reply=resources.WorkflowView)
def workflow(workflow_id: int) -> Response:
    """A workflow, its last run, and how many tasks it has of each status."""
    return reply(read(queries.read_workflow, workflow_id))


@get(reads, "/workflow/<id:workflow_id>/tasks", query=TaskPage, reply=resources.Tasks)
def list_tasks(workflow_id: int, status: list[TaskStatus] | None = None, **place: Any) -> Response:
    """Tasks of a workflow by id, with the current instance of each."""
    page = requested_page(place)
    return paged("tasks", read(pages.list_tasks, workflow_id, statuses=status, page=page), page)


@get(reads, "/workflow/<id:workflow_id>/leaves", query=TaskPage, reply=resources.Tasks)
def list_leaves(workflow_id: int, status: list[TaskStatus] | None = None, **place: Any) -> Response:
    """Tasks of a workflow that no other task waits for, by id."""
    page = requested_page(place)
    found = read(pages.list_tasks, workflow_id, statuses=status, page=page, only_leaves=True)
    return paged("tasks", found, page)


@get(reads, "/workflow/<id:workflow_id>/errors", query=PageQuery, reply=resources.Errors)
def list_errors(workflow_id: int, **place: Any) -> Response:
    """Errors of a workflow, oldest first, with the last of what the commands wrote."""
    page = requested_page(place)
    return paged("errors", read(pages.list_errors, workflow_id, page=page), page)
