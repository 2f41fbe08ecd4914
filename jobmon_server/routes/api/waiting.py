"""To submit in one call, to wait until something is over, and to ask how long that may take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, current_app
from marshmallow import fields

from jobmon_client.states import WORKFLOW_AT_REST, Outcome
from jobmon_server.actions.workflow import submission as actions
from jobmon_server.db.reads import lookups as queries
from jobmon_server.db.reads.queue_position import read_position
from jobmon_server.fsm.task import TASK
from jobmon_server.routes.api.workflow import BoundWorkflow, NewTask, NewWorkflow
from jobmon_server.routes.fields.base import Count, Flag, Id, Name, Real, Schema, Text, Whole
from jobmon_server.routes.fields.query_params import Decimal
from jobmon_server.routes.http.endpoint import (
    blueprint,
    get,
    post,
    principal,
    read,
    reply,
    settings,
    transact,
)
from jobmon_server.routes.http.fast_load import Items
from jobmon_server.routes.http.long_poll import LongPolls
from jobmon_server.routes.schemas.requests import MOST_TASKS, ArrayLimit
from jobmon_server.routes.schemas.resources import TaskView, WorkflowView

waiting = blueprint("waiting", "Submit and wait.")
LONGEST_WAIT = 60.0  # seconds
USUAL_WAIT = 20.0
#: What is told to who finds no place to wait in, in seconds.
RETRY_AFTER = 1


class Patience(Schema):
    """How many seconds to wait at most."""

    seconds = Decimal(0.0, LONGEST_WAIT, load_default=USUAL_WAIT)


class Wait(Schema):
    """Whether it is over; `retry_after` says that nobody waited, for too many did, and after how many seconds to ask again."""

    over = Flag(required=True)
    retry_after = Whole(required=True, allow_none=True)


class WaitedWorkflow(WorkflowView, Wait):
    """A workflow as it stood when the waiting ended."""


class WaitedTask(TaskView, Wait):
    """A task as it stood when the waiting ended."""


class Submission(NewWorkflow):
    """A workflow to bind and all its tasks; with `wait`, how many seconds to wait until it is over."""

    tasks = Items(NewTask, required=True, maximum=MOST_TASKS)
    arrays = Items(ArrayLimit, load_default=list, maximum=MOST_TASKS)
    wait = Real(0.0, LONGEST_WAIT, load_default=None)


class Submitted(BoundWorkflow, Wait):
    """Ids in the order given, and the workflow's read model if it was over in time."""

    task_ids = fields.List(Id(), required=True)
    differed_tasks = fields.List(Text(), required=True)
    workflow = fields.Nested(WorkflowView, required=True, allow_none=True)


class Position(Schema):
    """Live instances of the same cluster and queue: in all, and those before this task's."""

    task_id = Id(required=True)
    cluster = Name(required=True)
    queue = Text(required=True)
    ahead = Count(required=True)
    total_active = Count(required=True)


def wait_until(is_over: Callable[[], bool], seconds: float) -> bool:
    """Wait, or find no place to wait in and return False."""
    waiters: LongPolls = current_app.extensions["jobmon"].waiters
    return waiters.wait(is_over, seconds)


def waited(body: Mapping[str, Any], *, over: bool, had_place: bool) -> Response:
    """Reply 200 to what is over, 202 to what is not."""
    after = None if over or had_place else RETRY_AFTER
    response = reply({**body, "over": over, "retry_after": after}, 200 if over else 202)
    if after is not None:
        response.headers["Retry-After"] = str(after)
    return response


def is_at_rest(workflow_id: int) -> Callable[[], bool]:
    """Return the look that tells whether a workflow is over, or halted."""
    return lambda: read(queries.workflow_status, workflow_id) in WORKFLOW_AT_REST


@get(waiting, "/workflow/<id:workflow_id>/wait", query=Patience, reply=WaitedWorkflow, success=(200, 202))
def wait_for_workflow(workflow_id: int, seconds: float) -> Response:
    """Reply 200 as soon as the workflow is DONE, FAILED, STOPPED or HALTED, 202 when the time is up; it goes on."""
    had_place = wait_until(is_at_rest(workflow_id), seconds)
    model = read(queries.read_workflow, workflow_id)
    return waited(model, over=model["status"] in WORKFLOW_AT_REST, had_place=had_place)


@get(waiting, "/task/<id:task_id>/wait", query=Patience, reply=WaitedTask, success=(200, 202))
def wait_for_task(task_id: int, seconds: float) -> Response:
    """Reply 200 as soon as the task is DONE, ERROR_FATAL or STOPPED, 202 when the time is up; it goes on."""
    had_place = wait_until(lambda: read(queries.task_status, task_id) in TASK.terminal, seconds)
    model = read(queries.read_task, task_id)
    return waited(model, over=model["status"] in TASK.terminal, had_place=had_place)


@get(waiting, "/task/<id:task_id>/position", reply=Position)
def position(task_id: int) -> Response:
    """How many live instances of its cluster and queue are before a task's; 0 if it does not wait."""
    return reply(read(read_position, task_id))


def waited_for(submitted: actions.SubmitResult, seconds: float | None) -> Response:
    """Reply with what was bound, and wait for its end if that is wanted."""
    body = {name: getattr(submitted, name) for name in actions.SubmitResult.__slots__} | {"workflow": None}
    if seconds is None:
        over = submitted.status in WORKFLOW_AT_REST
        status = 201 if submitted.outcome is Outcome.APPLIED else 200
        return reply({**body, "over": over, "retry_after": None}, status)
    had_place = wait_until(is_at_rest(submitted.workflow_id), seconds)
    model = read(queries.read_workflow, submitted.workflow_id)
    over = model["status"] in WORKFLOW_AT_REST
    body |= {"status": model["status"], "workflow": model if over else None}
    return waited(body, over=over, had_place=had_place)


@post(waiting, "/submit", body=Submission, reply=Submitted, success=(200, 201, 202), refusals=(409, 422, 503))
def submit(wait: float | None, **definition: Any) -> Response:
    """Bind a workflow and its tasks in one call, safe to repeat with its client_id and request_id: 201, or 200 if it was
    known; with `wait` 200 when it is over, 202 when the time is up. Whoever starts a run of it drives it."""
    whose = principal()
    bound = transact(actions.submit, settings(), reach=whose.reach, **definition, **whose.ownership)
    return waited_for(bound, wait)
