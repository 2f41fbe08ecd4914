"""What the explanation of an instance replies."""

from __future__ import annotations

from marshmallow import fields

from jobmon_client.states import Outcome, Reporter, TaskInstanceStatus, TaskStatus
from jobmon_server.routes.fields.base import Count, Flag, Id, Schema, Text, WordField
from jobmon_server.routes.schemas.resources import Decision


class Holder(Schema):
    """Who has it: the worker that holds it, the distributor that claimed it, the cluster's own id for it."""

    worker_id = Text(required=True, allow_none=True)
    nodename = Text(required=True, allow_none=True)
    process_group_id = Id(required=True, allow_none=True)
    distributor = Text(required=True, allow_none=True)
    distributor_id = Text(required=True, allow_none=True)
    cluster = Text(required=True)
    queue = Text(required=True)


class DeadlineView(Schema):
    """Until when somebody must speak; `seconds` from `time`, negative once it has passed; null where there is none."""

    report_by = fields.DateTime(required=True, allow_none=True)
    seconds = fields.Float(required=True, allow_none=True)
    overdue = Flag(required=True)


class ItsTask(Schema):
    """The task, its attempts, which instance is its current one, and what it waits for."""

    task_id = Id(required=True)
    workflow_id = Id(required=True)
    name = Text(required=True)
    status = WordField(TaskStatus, required=True)
    num_attempts = Count(required=True)
    max_attempts = Count(required=True)
    num_refunds = Count(required=True)
    is_current = Flag(required=True)
    current_task_instance_id = Id(required=True)
    orphan = Flag(required=True)
    requeue = Flag(required=True)
    waits_for = fields.List(Text(), required=True)


class TriggerView(Schema):
    """What would take an edge: `outcome` is what it would get if it came now, null if it does not come yet."""

    reporter = WordField(Reporter, required=True)
    report = Text(required=True)
    to = WordField(TaskInstanceStatus, required=True)
    task = WordField(TaskStatus, required=True)
    outcome = WordField(Outcome, required=True, allow_none=True)
    needs = Text(required=True, allow_none=True)


class OpenEdgeView(Schema):
    """An edge out of the present status."""

    to = WordField(TaskInstanceStatus, required=True)
    why = Text(required=True)
    triggers = fields.List(fields.Nested(TriggerView), required=True)


class NextView(Schema):
    """What happens if nobody speaks, and when; no instant where there is no deadline."""

    what = Text(required=True)
    to = WordField(TaskInstanceStatus, required=True, allow_none=True)
    task = WordField(TaskStatus, required=True, allow_none=True)
    at = fields.DateTime(required=True, allow_none=True)
    seconds = fields.Float(required=True, allow_none=True)


class Explanation(Schema):
    """An instance explained, as it stood at `time`; `decisions` are the last of its journal, oldest first."""

    task_instance_id = Id(required=True)
    status = WordField(TaskInstanceStatus, required=True)
    status_at = fields.DateTime(required=True)
    time = fields.DateTime(required=True)
    attempt = Count(required=True)
    holder = fields.Nested(Holder, required=True)
    deadline = fields.Nested(DeadlineView, required=True)
    task = fields.Nested(ItsTask, required=True)
    edges = fields.List(fields.Nested(OpenEdgeView), required=True)
    next = fields.Nested(NextView, required=True)
    advice = Text(required=True)
    decisions = fields.List(fields.Nested(Decision), required=True)


class Upstream(Schema):
    """A task that another waits for."""

    task_id = Id(required=True)
    name = Text(required=True)
    status = WordField(TaskStatus, required=True)


class TaskExplanation(Schema):
    """A task explained, as it stood at `time`; `upstreams` are the first of those that are not DONE."""

    task_id = Id(required=True)
    workflow_id = Id(required=True)
    name = Text(required=True)
    status = WordField(TaskStatus, required=True)
    status_at = fields.DateTime(required=True, allow_none=True)
    time = fields.DateTime(required=True)
    num_attempts = Count(required=True)
    max_attempts = Count(required=True)
    ready_at = fields.DateTime(required=True, allow_none=True)
    upstreams_left = Count(required=True)
    current_task_instance_id = Id(required=True, allow_none=True)
    waits_for = fields.List(Text(), required=True)
    upstreams = fields.List(fields.Nested(Upstream), required=True)
