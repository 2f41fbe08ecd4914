"""Reports of any kind about any instances, in one call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from flask import Response
from marshmallow import ValidationError, fields

from jobmon_client.states import Outcome
from jobmon_server.actions.reporting.batches import apply_reports
from jobmon_server.actions.reporting.report_types import REPORTS, Report
from jobmon_server.principal import Reach
from jobmon_server.routes.fields.base import Id, Schema
from jobmon_server.routes.http.endpoint import blueprint, database, made_report, post, reach, reply
from jobmon_server.routes.http.fast_load import loader_of
from jobmon_server.routes.http.request_body import details_of
from jobmon_server.routes.http.scopes import refuse_foreign
from jobmon_server.routes.schemas.replies import BatchReply, batch_item
from jobmon_server.routes.schemas.requests import LARGEST_BATCH, REPORT_BODIES

reports = blueprint("reports", "Many reports in one call.")
#: Made at once, before the fork: every worker needs them.
_LOAD = {name: loader_of(schema) for name, schema in REPORT_BODIES.items()}
_ID = Id()
_NESTED = frozenset({dict, list})


class AnyReports(fields.List[Any]):
    """A list whose items are judged one by one: a bad one never costs the others."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        if type(value) is not list or len(value) > LARGEST_BATCH:
            raise ValidationError(f"must be a list of at most {LARGEST_BATCH} reports")
        return value


#: An item is documented by the body of its own route; a bad one gets its own outcome, so nothing here is strict.
_DOCUMENTED = {
    "type": "object",
    "description": "`task_instance_id`, `report`, and the fields of the body of that report's route",
    "properties": {
        "task_instance_id": {"type": "integer", "minimum": 1},
        "report": {"type": "string", "enum": list(REPORTS)},
    },
    "required": ["task_instance_id", "report"],
    "additionalProperties": True,
}


class Reports(Schema):
    """Up to 10,000 reports: `task_instance_id`, `report` (the name of its route), and that report's fields."""

    reports = AnyReports(
        fields.Raw(metadata=_DOCUMENTED), required=True, metadata={"maxItems": LARGEST_BATCH}
    )


@post(reports, "/reports", body=Reports, reply=BatchReply, refusals=(422, 503))
def post_reports(reports: list[Any]) -> Response:
    """Apply reports in the order given; each has its own outcome."""
    refuse_foreign(reports)
    items = _items(reports)
    good = [(position, item) for position, item in enumerate(items) if not isinstance(item, dict)]
    verdicts = apply_reports(database(), [item for _, item in good])
    told = [
        batch_item(one, position=position)
        for (position, _), one in zip(good, verdicts, strict=True)
        if one.is_remarkable
    ]
    bad = [{**item, "position": position} for position, item in enumerate(items) if isinstance(item, dict)]
    applied = sum(one.outcome is Outcome.APPLIED for one in verdicts)
    return reply({"applied": applied, "outcomes": sorted((*told, *bad), key=lambda item: item["position"])})


class Told(NamedTuple):
    """What an item said beside its instance, and the report that it made; `is_flat` where no value holds others."""

    fields: list[tuple[str, Any]]
    types: list[type]
    is_flat: bool
    report: Report


def _report(name: str, body: dict[str, Any], before: dict[str, Told], whose: Reach | None) -> Report:
    """Return the report that a body makes: that of the last item of its name, where that said the same."""
    last = before.get(name)
    fields, types = list(body.items()), list(map(type, body.values()))
    # Equal is not enough: 1, 1.0 and true are.
    if last is not None and last.is_flat and types == last.types and fields == last.fields:
        return last.report
    report = made_report(name, _LOAD[name](body))
    if whose is not None:
        report = replace(report, reach=whose)
    before[name] = Told(fields, types, _NESTED.isdisjoint(types), report)
    return report


def _items(given: list[Any]) -> list[tuple[int, Report] | dict[str, Any]]:
    """Return the report that each item makes, or the outcome of a malformed one."""
    before: dict[str, Told] = {}
    whose = reach()
    return [_item(one, before, whose) for one in given]


def _item(given: Any, before: dict[str, Told], whose: Reach | None) -> tuple[int, Report] | dict[str, Any]:
    """Return the report that an item makes, or the outcome of a malformed one."""
    if type(given) is not dict:
        return _malformed(None, {"": ["must be a JSON object"]})
    body = dict(given)
    try:
        task_instance_id = _ID.check(body.pop("task_instance_id", None))
    except ValidationError as error:
        return _malformed(None, {"task_instance_id": error.messages})
    name = body.pop("report", None)
    if not isinstance(name, str) or name not in REPORTS:
        return _malformed(task_instance_id, {"report": [f"must be one of: {', '.join(REPORTS)}"]})
    try:
        return task_instance_id, _report(name, body, before, whose)
    except ValidationError as error:
        return _malformed(task_instance_id, error.messages)


def _malformed(task_instance_id: int | None, messages: Any) -> dict[str, Any]:
    error = {"code": Outcome.MALFORMED, "message": "The item is no report.", "details": details_of(messages)}
    return {
        "outcome": Outcome.MALFORMED,
        "task_instance_id": task_instance_id,
        "status": None,
        "task_status": None,
        "report_by": None,
        "error": error,
    }
