"""What the owner of a workflow asks: bind, run, queue, keep alive, end; and what operators do to it."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Response
from marshmallow import ValidationError, fields, validates_schema

from jobmon_client.states import LostContact, Outcome
from jobmon_server.actions.workflow import binding, runs
from jobmon_server.actions.workflow.queueing import queue_tasks
from jobmon_server.routes.fields.base import (
    Attributes,
    CommandText,
    Count,
    ExactField,
    Flag,
    Id,
    ListOf,
    Name,
    Schema,
    Text,
    Whole,
    WordField,
)
from jobmon_server.routes.fields.execution import Environment, RetryDelayField, WorkingDirectory
from jobmon_server.routes.fields.quantities import Scales
from jobmon_server.routes.http.endpoint import (
    actor,
    blueprint,
    database,
    post,
    principal,
    reach,
    reply,
    settings,
    transact,
)
from jobmon_server.routes.http.fast_load import Items
from jobmon_server.routes.schemas.replies import RunReply, TerminatedRun
from jobmon_server.routes.schemas.requests import LARGEST_LIMIT, MOST_TASKS, ArrayLimit, Deadline, Why
from jobmon_server.ssrf_guard import LONGEST_URL, problem_of

log = structlog.get_logger(__name__)
workflow = blueprint("workflow", "Owners of workflows, and operators.")
LARGEST_EXPIRY = 10 * 365 * 86_400  # seconds
MOST_ATTEMPTS = 1000
MOST_INPUTS = 10_000
DEFAULT_ATTEMPTS = 3


class CallbackUrl(ExactField):
    """Where it is told that a workflow is DONE, FAILED, STOPPED or HALTED: http or https, nothing link-local."""

    def __init__(self, **options: Any) -> None:
        """Take what is no longer than browsers take."""
        super().__init__(1, LONGEST_URL, **options)

    def check(self, value: Any) -> str:
        """Refuse what would never be posted to, as far as it can be told now."""
        url = super().check(value)
        if problem := problem_of(url):
            raise ValidationError(problem)
        return url


class NewWorkflow(Schema):
    """A workflow to bind."""

    name = Name(required=True)
    client_id = Name()
    request_id = Name()
    attributes = Attributes()
    configuration = Name()
    max_concurrently_running = Whole(minimum=0, maximum=LARGEST_LIMIT)
    callback_url = CallbackUrl()
    expiry_seconds = Whole(minimum=0, maximum=LARGEST_EXPIRY)
    working_directory = WorkingDirectory(allow_none=True)
    environment = Environment(allow_none=True)
    retry_delay = RetryDelayField(allow_none=True)
    lost_contact = WordField(LostContact)

    @validates_schema(skip_on_field_errors=True)
    def both_or_neither(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse half an identity."""
        for given, missing in (("client_id", "request_id"), ("request_id", "client_id")):
            if given in data and missing not in data:
                raise ValidationError(f"is required where {given} is given", missing)


class BoundWorkflow(Schema):
    """The workflow's id, new or known; for how long it is kept once it is over, `clamped` if that is not what was asked.

    `differed` names fields that a known one has otherwise, and keeps.
    """

    workflow_id = Id(required=True)
    status = Text(required=True)
    outcome = Text(required=True)
    expiry_seconds = Count(required=True)
    clamped = Flag(required=True)
    differed = fields.List(Text(), required=True)


class NewTask(Schema):
    """A task to bind; `upstream` names tasks of this call or of the workflow."""

    name = Name(required=True)
    command = CommandText(required=True)
    type = Name(load_default="command")
    upstream = ListOf(Name(), load_default=list)
    array = ExactField(0, 255, load_default="")
    cluster = Name(load_default="local")
    queue = ExactField(0, 255, load_default="")
    requested_resources = Attributes(load_default=None, allow_none=True)
    max_attempts = Whole(minimum=1, maximum=MOST_ATTEMPTS, load_default=DEFAULT_ATTEMPTS)
    resource_scales = Scales(load_default=None, allow_none=True)
    fallback_queues = ListOf(Name(), load_default=None, allow_none=True)
    priority = Whole(minimum=-(2**31), maximum=2**31 - 1, load_default=0)
    attributes = Attributes(load_default=None, allow_none=True)
    inputs = ListOf(Name(), maximum=MOST_INPUTS, load_default=list)
    working_directory = WorkingDirectory(allow_none=True)
    environment = Environment(allow_none=True)
    retry_delay = RetryDelayField(allow_none=True)
    lost_contact = WordField(LostContact)


class NewTasks(Schema):
    """Tasks to bind, all or none."""

    tasks = Items(NewTask, required=True, maximum=MOST_TASKS)
    arrays = Items(ArrayLimit, load_default=list, maximum=MOST_TASKS)


class BoundTasks(Schema):
    """Ids in the order given; names that were known with another definition, which stays."""

    task_ids = fields.List(Id(), required=True)
    differed = fields.List(Text(), required=True)


@post(workflow, "/workflow", body=NewWorkflow, reply=BoundWorkflow, success=(200, 201), refusals=(422, 503))
def bind_workflow(**definition: Any) -> Response:
    """Make a workflow known; the same client_id and request_id give the same one again."""
    bound = transact(binding.bind_workflow, settings(), reach(), **definition, **principal().ownership)
    if bound.clamped and bound.outcome is Outcome.APPLIED:
        log.info("expiry clamped", workflow_id=bound.workflow_id, expiry_seconds=bound.expiry_seconds)
    return reply(bound, 201 if bound.outcome is Outcome.APPLIED else 200)


@post(workflow, "/workflow/<id:workflow_id>/tasks", body=NewTasks, reply=BoundTasks, success=(200, 201))
def bind_tasks(workflow_id: int, **definition: Any) -> Response:
    """Make tasks and their dependencies known, all or none."""
    bound = transact(binding.bind_tasks, workflow_id, **definition)
    body = {"task_ids": bound.task_ids, "differed": bound.differed}
    return reply(body, 201 if bound.num_new else 200)


class OwnerProcess(Schema):
    """The process that drives a run, in its own words."""

    host = Name(required=True)
    boot_id = Name(required=True)
    pid_namespace = Name(required=True)
    pid = Id(required=True)
    started = ExactField(0, 255, required=True)


class NewRun(Deadline):
    """A run to start; `resume` says what becomes of what a former run left: `cold` kills it, `hot` adopts it.

    `takes_over` is the former run, where the caller knows that the process of its owner is dead.
    """

    request_id = Name()
    process = fields.Nested(OwnerProcess)
    takes_over = Id()
    resume = Text(validate=lambda word: _one_of(word, (runs.COLD, runs.HOT)))


def _one_of(word: str, allowed: tuple[str, ...]) -> None:
    if word not in allowed:
        raise ValidationError(f"must be one of: {', '.join(allowed)}")


class StartedRun(Schema):
    """The run that drives the workflow now."""

    outcome = Text(required=True)
    workflow_run_id = Id(required=True)
    status = Text(required=True)


@post(
    workflow,
    "/workflow/<id:workflow_id>/workflow_run",
    body=NewRun,
    reply=StartedRun,
    success=(200, 201),
)
def start_run(workflow_id: int, **facts: Any) -> Response:
    """Become the owner of a workflow."""
    started = runs.start_run(database(), workflow_id, actor=actor(), **facts)
    return reply(started, 201 if started.outcome is Outcome.APPLIED else 200)


class QueueLimit(Schema):
    """How many tasks to queue at most; without it all that are ready."""

    limit = Whole(minimum=0, maximum=LARGEST_LIMIT)


class Batch(Schema):
    """Instances queued together, in the order of their steps."""

    array_id = Id(required=True)
    batch_num = Id(required=True)
    task_instance_ids = fields.List(Id(), required=True)


class Batches(Schema):
    """What was queued."""

    batches = fields.List(fields.Nested(Batch), required=True)


@post(workflow, "/workflow_run/<id:workflow_run_id>/queue_tasks", body=QueueLimit, reply=Batches)
def post_queue_tasks(workflow_run_id: int, **facts: Any) -> Response:
    """Queue ready tasks within the limits, by priority then id, one new instance each."""
    return reply({"batches": queue_tasks(database(), workflow_run_id, **facts)})


@post(workflow, "/workflow_run/<id:workflow_run_id>/log_heartbeat", body=Deadline, reply=RunReply)
def log_heartbeat(workflow_run_id: int, **facts: Any) -> Response:
    """Keep a run alive."""
    verdict = transact(runs.log_heartbeat, workflow_run_id, **facts)
    return reply({"outcome": verdict.outcome, "status": verdict.status})


@post(workflow, "/workflow_run/<id:workflow_run_id>/terminate", body=Why, reply=TerminatedRun)
def terminate(workflow_run_id: int, **facts: Any) -> Response:
    """End a run: what is live is told to stop, what waits is withdrawn; the workflow can be resumed."""
    verdict = runs.terminate(database(), workflow_run_id, actor=actor(), **facts)
    return reply({"outcome": verdict.outcome, "status": verdict.status, "applied": verdict.applied})
