"""What distributors and reconcilers ask and say."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import ValidationError, fields, validates_schema

from jobmon_client.states import Scope, TaskInstanceStatus
from jobmon_server.actions.reporting.claims import instantiate, launched
from jobmon_server.actions.reporting.heartbeat import heartbeats
from jobmon_server.db.reads import pages
from jobmon_server.fsm.task_instance import TENDED
from jobmon_server.routes.fields.base import (
    Attributes,
    Count,
    Flag,
    Id,
    ListOf,
    Name,
    Plain,
    Schema,
    Text,
    Whole,
)
from jobmon_server.routes.fields.query_params import Digits, Words
from jobmon_server.routes.http.endpoint import (
    blueprint,
    database,
    get,
    post,
    reach,
    read,
    reply,
    report,
    settings,
)
from jobmon_server.routes.http.scopes import require
from jobmon_server.routes.schemas import requests, resources
from jobmon_server.routes.schemas.replies import (
    BatchItem,
    BatchReply,
    ReportReply,
    batch_item,
    batch_reply,
    verdict_reply,
)

distributor = blueprint(
    "distributor", "Distributors and reconcilers: claim, launch, keep alive, report ends."
)
LARGEST_CALL = 100_000


class Claim(requests.Deadline):
    """Which instances a distributor wants: these, or the next of a cluster (of one workflow or array, if told)."""

    distributor = Name(required=True)
    task_instance_ids = ListOf(Id(), maximum=LARGEST_CALL)
    cluster = Name()
    limit = Whole(minimum=1, maximum=LARGEST_CALL)
    workflow_id = Id()
    array_id = Id()
    detail = Flag(load_default=False)

    @validates_schema(skip_on_field_errors=True)
    def one_way(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a claim that says both, or neither."""
        by_id, by_cluster = "task_instance_ids" in data, "cluster" in data and "limit" in data
        if by_id == by_cluster or (by_id and data.keys() & {"cluster", "limit", "workflow_id", "array_id"}):
            raise ValidationError("give either task_instance_ids, or cluster and limit", "task_instance_ids")


class Step(Schema):
    """An instance at its place in the batch; the rest with `detail`."""

    task_instance_id = Id(required=True)
    array_step_id = Count(required=True)
    task_id = Id()
    workflow_id = Id()
    workflow_run_id = Id()
    name = Text()
    command = Text()
    attempt = Count()
    working_directory = Text(allow_none=True)
    environment = Attributes(allow_none=True)


class ClaimedBatch(Schema):
    """Instances that can be submitted as one array; `environment` is their workflow's, an instance's own goes over it."""

    array_id = Id(required=True)
    array_name = Text(required=True)
    batch_num = Id(required=True)
    cluster = Text(required=True)
    queue = Text(required=True)
    requested_resources = Attributes(required=True, allow_none=True)
    environment = Attributes(required=True, allow_none=True)
    task_instances = fields.List(fields.Nested(Step), required=True)


class Claimed(Schema):
    """What the distributor holds now, and what it does not get."""

    batches = fields.List(fields.Nested(ClaimedBatch), required=True)
    outcomes = fields.List(fields.Nested(BatchItem), required=True)


@post(
    distributor, "/task_instance/instantiate_task_instances", body=Claim, reply=Claimed, refusals=(422, 503)
)
def instantiate_task_instances(**facts: Any) -> Response:
    """Claim instances; those that this distributor holds already are in `batches` again."""
    distributor, increment = facts.pop("distributor"), facts.pop("next_report_increment")
    claimed = instantiate(database(), distributor, increment, reach=reach(), **facts)
    outcomes = [batch_item(one) for one in claimed.verdicts if one.is_remarkable]
    return reply({"batches": claimed.batches, "outcomes": outcomes})


class Steps(Plain[dict[int, str]]):
    """Cluster ids by array step: `{"0": "4711_0"}`."""

    def check(self, value: Any) -> dict[int, str]:
        """Take an object whose names are whole numbers from 0 and whose values are ids."""
        if type(value) is not dict:
            raise ValidationError("must be a JSON object of cluster ids by array step")
        taken, problems, exact = {}, {}, Name()
        for step, identity in value.items():
            try:
                taken[_step(step)] = exact.check(identity)
            except ValidationError as error:
                problems[step] = error.messages
        if problems:
            raise ValidationError(problems)
        return taken


def _step(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 10 and str(int(text)) == text:
        return int(text)
    raise ValidationError("is no array step: a whole number from 0")


class Launched(requests.Deadline):
    """The cluster accepted these steps of a batch."""

    distributor_ids = Steps(
        required=True, metadata={"type": "object", "additionalProperties": {"type": "string"}}
    )


@post(
    distributor,
    "/array/<id:array_id>/batch/<id:batch_num>/log_launched",
    body=Launched,
    reply=BatchReply,
    refusals=(404, 422, 503),
    holds=False,
)
def log_launched(array_id: int, batch_num: int, distributor_ids: dict[int, str], **facts: Any) -> Response:
    """Record the launch of an array batch, step by step."""
    number, verdicts = launched(database(), array_id, batch_num, distributor_ids, reach=reach(), **facts)
    return batch_reply(verdicts, applied=number)


class HeartbeatBatch(requests.Deadline):
    """Signs of life of many instances.

    `hold`: of a distributor that cannot ask its cluster, or keeps what it has; `unkillable`: of a worker whose commands
    are to end, and the kernel cannot kill them.
    """

    task_instance_ids = ListOf(Id(), required=True, maximum=LARGEST_CALL)
    hold = Flag(load_default=False)
    unkillable = Flag(load_default=False)

    @validates_schema(skip_on_field_errors=True)
    def one_of_both(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse what a distributor and a worker would have to say together."""
        if data["hold"] and data["unkillable"]:
            raise ValidationError("does not go with hold", "unkillable")


@post(
    distributor,
    "/task_instance/log_report_by/batch",
    body=HeartbeatBatch,
    reply=BatchReply,
    refusals=(422, 503),
)
def log_report_by_batch(*, hold: bool, unkillable: bool, **facts: Any) -> Response:
    """Extend many deadlines; what must stop is among the outcomes."""
    if hold:
        require(Scope.DISTRIBUTOR)
        facts |= {"hold": True, "patience": settings().cluster_patience}
    if unkillable:
        facts["unkillable"] = True
    extended, verdicts = heartbeats(database(), reach=reach(), **facts)
    return batch_reply(verdicts, applied=extended)


def _single(name: str) -> None:
    """Route one report about one instance."""

    def route(task_instance_id: int, **facts: Any) -> Response:
        return verdict_reply(report(task_instance_id, name, facts))

    route.__name__ = name
    route.__doc__ = requests.REPORT_BODIES[name].__doc__
    rule = f"/task_instance/<id:task_instance_id>/{name}"
    post(distributor, rule, body=requests.REPORT_BODIES[name], reply=ReportReply, holds=False)(route)


for _name in ("log_distributor_id", "log_no_distributor_id", "log_known_error", "log_unknown_error"):
    _single(_name)


class TendedQuery(Schema):
    """Which instances a distributor asks for."""

    cluster = Name(required=True)
    status = Words(TaskInstanceStatus, sorted(TENDED), load_default=sorted(TENDED))
    after = Digits(load_default=0)
    limit = Digits(minimum=1, maximum=1000, load_default=1000)


@get(distributor, "/task_instance/tended", query=TendedQuery, reply=resources.Tended, refusals=(422, 503))
def list_tended(status: list[TaskInstanceStatus], **query: Any) -> Response:
    """List instances of a cluster that its distributor looks after: of those owners whom it serves."""
    return reply(read(pages.list_tended, statuses=status, reach=reach(), **query))
