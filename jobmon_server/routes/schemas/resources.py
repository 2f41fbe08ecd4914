"""What the read routes reply, for the OpenAPI document: every field by name, nothing left open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marshmallow import fields

from jobmon_client.states import (
    AccountingStatus,
    CallbackStatus,
    LostContact,
    Outcome,
    Reporter,
    Status,
    TaskInstanceStatus,
    TaskStatus,
    WorkflowRunStatus,
    WorkflowStatus,
)
from jobmon_server.routes.fields.base import Attributes, Count, Flag, Id, Schema, Text, Whole, WordField
from jobmon_server.routes.schemas.execution import InputLine, RetryDelayView
from jobmon_server.routes.schemas.paging import PageReply


def _id(*, null: bool = False) -> Id:
    return Id(required=True, allow_none=null)


def _text(*, null: bool = False) -> Text:
    return Text(required=True, allow_none=null)


def _count(*, null: bool = False) -> Count:
    return Count(required=True, allow_none=null)


def _time(*, null: bool = False) -> fields.DateTime:
    return fields.DateTime(required=True, allow_none=null)


def _object() -> Attributes:
    return Attributes(required=True, allow_none=True)


def _word(vocabulary: Iterable[Any], *, null: bool = False) -> WordField[Any]:
    return WordField(vocabulary, required=True, allow_none=null)


def _seconds() -> fields.Float:
    return fields.Float(required=True, allow_none=True)


def counts(statuses: type[Status], *, required: bool = True) -> fields.Field[Any]:
    """How many of each status; a status that nothing has is left out."""
    each = {"type": "integer", "minimum": 0}
    open_to = {"type": "object", "properties": dict.fromkeys(map(str, statuses), each)}
    return fields.Raw(required=required, metadata={**open_to, "additionalProperties": False})


class Decision(Schema):
    """One row of the journal; `to` is what was wanted, and `outcome` what became of it."""

    class Meta:
        """`from` is a word of Python."""

        include = {"from": _word(TaskInstanceStatus, null=True)}

    to = _word(TaskInstanceStatus)
    outcome = _word(Outcome)
    task_from = _word(TaskStatus, null=True)
    task_to = _word(TaskStatus, null=True)
    reporter = _word(Reporter)
    reporter_id = _text(null=True)
    reason = _text(null=True)
    time = _time()


class LoggedError(Schema):
    """One entry of the error log."""

    error_time = _time()
    description = _text()
    source = _word(Reporter)


class TaskInstanceView(Schema):
    """An instance: its ids, statuses and times, and every field that a report can set."""

    task_instance_id = _id()
    task_id = _id()
    workflow_id = _id()
    workflow_run_id = _id()
    array_id = _id()
    batch_num = _id()
    array_step_id = _count()
    attempt = _count()
    name = _text()
    status = _word(TaskInstanceStatus)
    task_status = _word(TaskStatus)
    report_by = _time(null=True)
    next_report_increment = _seconds()
    contact_until = _time(null=True)
    held_seconds = _seconds()
    orphan = Flag(required=True)
    requeue = Flag(required=True)
    reason_code = _text(null=True)
    progress = _text(null=True)
    accounting = _word(AccountingStatus)
    pending_commands = _count()
    metric_samples = _count()
    cluster = _text()
    queue = _text()
    requested_resources = _object()
    priority = Whole(required=True)
    distributor = _text(null=True)
    distributor_id = _text(null=True)
    worker_id = _text(null=True)
    nodename = _text(null=True)
    process_group_id = _id(null=True)
    stdout = _text(null=True)
    stderr = _text(null=True)
    stdout_log = _text(null=True)
    stderr_log = _text(null=True)
    usage = _object()
    metrics = _object()
    attributes = Attributes(required=True)
    result = fields.Raw(required=True, allow_none=True)
    error_state = _word(TaskInstanceStatus, null=True)
    error_description = _text(null=True)
    error_message = _text(null=True)
    queued_at = _time()
    instantiated_at = _time(null=True)
    launched_at = _time(null=True)
    started_at = _time(null=True)
    heartbeat_at = _time(null=True)
    finished_at = _time(null=True)
    status_at = _time()
    updated_at = _time()
    journal = fields.List(fields.Nested(Decision))
    task_instance_error_log = fields.List(fields.Nested(LoggedError))


class Journal(Schema):
    """Every decision, oldest first."""

    journal = fields.List(fields.Nested(Decision), required=True)


class ErrorLog(PageReply):
    """The errors of an instance by time, then by id."""

    task_instance_error_log = fields.List(fields.Nested(LoggedError), required=True)


class TaskView(Schema):
    """A task, the ids of its instances and of its upstreams, and its inputs."""

    task_id = _id()
    workflow_id = _id()
    array_id = _id()
    array = _text()
    name = _text()
    type = _text()
    command = _text()
    status = _word(TaskStatus)
    num_attempts = _count()
    max_attempts = _count()
    num_refunds = _count()
    last_attempt = _count()
    upstreams_left = _count()
    retried_at = _time(null=True)
    working_directory = _text(null=True)
    environment = _object()
    retry_delay = fields.Nested(RetryDelayView, required=True, allow_none=True)
    status_at = _time(null=True)
    ready_at = _time(null=True)
    priority = Whole(required=True)
    cluster = _text()
    queue = _text()
    requested_resources = _object()
    resource_scales = _object()
    fallback_queues = fields.List(Text(), required=True, allow_none=True)
    attributes = _object()
    lost_contact = _word(LostContact, null=True)
    bound_as = _object()
    created_at = _time()
    updated_at = _time()
    task_instance_ids = fields.List(Id(), required=True)
    upstream_ids = fields.List(Id(), required=True)
    inputs = fields.List(fields.Nested(InputLine), required=True)


class WorkflowView(Schema):
    """A workflow, how many tasks it has of each status, and its last run."""

    workflow_id = _id()
    name = _text()
    status = _word(WorkflowStatus)
    created_at = _time()
    tasks = counts(TaskStatus)
    client_id = _text(null=True)
    request_id = _text(null=True)
    held = Flag(required=True)
    max_concurrently_running = _count(null=True)
    attributes = _object()
    callback_url = _text(null=True)
    working_directory = _text(null=True)
    environment = _object()
    retry_delay = fields.Nested(RetryDelayView, required=True, allow_none=True)
    status_at = _time(null=True)
    lost_contact = _word(LostContact, null=True)
    configuration = _text(null=True)
    owner = _text(null=True)
    owner_group = _text(null=True)
    tenant = _text(null=True)
    callback_status = _word(CallbackStatus, null=True)
    expiry_seconds = _count()
    finished_at = _time(null=True)
    expires_at = _time(null=True)
    expired_at = _time(null=True)
    updated_at = _time()
    workflow_run_id = _id(null=True)
    workflow_run_status = _word(WorkflowRunStatus, null=True)
    workflow_run_process = _object()


class TaskLine(Schema):
    """A task in a list, with its current instance."""

    task_id = _id()
    name = _text()
    status = _word(TaskStatus)
    num_attempts = _count()
    max_attempts = _count()
    command = _text()
    cluster = _text()
    status_at = _time(null=True)
    ready_at = _time(null=True)
    task_instance_id = _id(null=True)
    task_instance_status = _word(TaskInstanceStatus, null=True)
    nodename = _text(null=True)
    started_at = _time(null=True)
    finished_at = _time(null=True)
    usage = _object()


class Tasks(PageReply):
    """A page of tasks."""

    tasks = fields.List(fields.Nested(TaskLine), required=True)


class ErrorLine(LoggedError):
    """An error of a workflow, with what is known of the instance."""

    error_id = _id()
    task_id = _id()
    name = _text()
    task_status = _word(TaskStatus)
    task_instance_id = _id()
    attempt = _count()
    status = _word(TaskInstanceStatus)
    nodename = _text(null=True)
    stdout = _text(null=True)
    stderr = _text(null=True)
    stdout_log = _text(null=True)
    stderr_log = _text(null=True)


class Errors(PageReply):
    """A page of errors."""

    errors = fields.List(fields.Nested(ErrorLine), required=True)


class TendedLine(Schema):
    """An instance that its distributor looks after."""

    task_instance_id = _id()
    status = _word(TaskInstanceStatus)
    distributor = _text(null=True)
    distributor_id = _text(null=True)
    report_by = _time(null=True)
    nodename = _text(null=True)
    worker_id = _text(null=True)
    status_at = _time()
    next_report_increment = _seconds()
    contact_until = _time(null=True)


class Tended(Schema):
    """A page of them, by id, and the database's instant of the page (null where it is empty)."""

    task_instances = fields.List(fields.Nested(TendedLine), required=True)
    now = _time(null=True)
