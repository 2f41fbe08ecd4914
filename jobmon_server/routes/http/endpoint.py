"""Between HTTP and the actions: a body is parsed by its schema, a result becomes a reply, an error leaves by one door.

@post(worker, "/task_instance/<id:task_instance_id>/log_running", body=RunningReport, reply=ReportReply)
def log_running(task_instance_id, **facts):
    return reply(transact(report.running, task_instance_id, **facts))
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields as fields_of
from dataclasses import is_dataclass, replace
from datetime import UTC, datetime
from functools import cache, wraps
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Response, current_app, g, request

from jobmon_client.states import Outcome
from jobmon_server.actions.reporting.report_types import REPORTS, Report
from jobmon_server.actions.reporting.transition import Verdict
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.reads.ownership import refuse_foreign
from jobmon_server.errors import Fenced, ForeignWorkflow, Invalid, JobmonServerError, Malformed, Unknown
from jobmon_server.principal import ANYBODY, Principal, Reach
from jobmon_server.routes.fields.base import Schema
from jobmon_server.routes.http.blueprint import Blueprint, View
from jobmon_server.routes.http.fast_load import loader_of
from jobmon_server.routes.http.refusal import Refusal
from jobmon_server.routes.http.request_body import json_body, load

PREFIX = "/api/v1"
JSON = "application/json"
USUAL_REFUSALS = (404, 409, 422, 503)
REFUSALS: dict[str, type[JobmonServerError]] = {
    Outcome.INVALID: Invalid,
    Outcome.FENCED: Fenced,
    Outcome.UNKNOWN: Unknown,
}

Result = TypeVar("Result")


def blueprint(name: str, description: str) -> Blueprint:
    """Make the blueprint of one caller; `description` heads its routes in the OpenAPI document."""
    return Blueprint(name, __name__, url_prefix=PREFIX, description=description)


def database() -> Database:
    """Return this application's door to the database, for acts that take more than one transaction."""
    door: Database = current_app.extensions["jobmon"].database
    return door


def settings() -> Settings:
    """Return what this server goes by."""
    known: Settings = current_app.extensions["jobmon"].settings
    return known


def principal() -> Principal:
    """Return who makes this request."""
    who: Principal = g.get("principal", ANYBODY)
    return who


def reach() -> Reach | None:
    """Return whose workflows who makes this request may change; None for everybody's."""
    return principal().reach


def hold(path: Mapping[str, int | str]) -> None:
    """Refuse a change of what the path names if it is not the caller's to change. Raises `ForeignWorkflow`."""
    whose = reach()
    if whose is not None:
        for place, key in path.items():
            read(refuse_foreign, place, key, whose)


def actor() -> str | None:
    """Return the name of who makes this request, as the journal has it; null without authentication."""
    return principal().name


def report(task_instance_id: int, name: str, facts: Mapping[str, Any]) -> Verdict:
    """Apply one report, by its name. Raises `ForeignWorkflow` for an instance of an owner whom the caller does not serve."""
    news = made_report(name, facts)
    whose = reach()
    if whose is not None:
        news = replace(news, reach=whose)
    verdict: Verdict = current_app.extensions["jobmon"].together.report(task_instance_id, news)
    if verdict.is_foreign:
        raise ForeignWorkflow
    return verdict


def made_report(name: str, facts: Mapping[str, Any]) -> Report:
    """Make a report, by its name, of what its body says and of what the settings say where it does not."""
    return REPORTS[name](**facts, lost_contact=settings().lost_contact)


def transact(action: Callable[..., Result], *args: Any, **facts: Any) -> Result:
    """Run an action in one transaction of this application's database."""
    result: Result = current_app.extensions["jobmon"].database.transact(action, *args, **facts)
    return result


def read(query: Callable[..., Result], *args: Any, **facts: Any) -> Result:
    """Run a query in one snapshot of this application's database."""
    result: Result = current_app.extensions["jobmon"].database.read(query, *args, **facts)
    return result


def post(
    at: Blueprint,
    rule: str,
    *,
    body: type[Schema] = Schema,
    reply: type[Schema] | None = None,
    success: Sequence[int] = (200,),
    refusals: Sequence[int] = USUAL_REFUSALS,
    media: str = JSON,
    holds: bool = True,
) -> Callable[[Callable[..., Response]], View]:
    """Route POST: the view gets the path's ids and the body's fields; all is in the OpenAPI document.

    What the path names must be the caller's to change, unless the route `holds` nothing: it changes nothing, or its action
    compares the owner in the row that it locks.
    """

    def describe() -> dict[str, Any]:
        required = any(field.required for field in body().load_fields.values())
        return {
            "requestBody": {"content": {JSON: {"schema": body}}, "required": required},
            "responses": _responses(reply, success, (*refusals, 413), media),
        }

    def decorate(route: Callable[..., Response]) -> View:
        @wraps(route)
        def view(**path: Any) -> Response:
            given = load(loader_of(body), json_body())
            if holds:
                hold(path)
            return route(**path, **given)

        return at.operate(rule, "POST", view, describe)

    return decorate


def get(
    at: Blueprint,
    rule: str,
    *,
    query: type[Schema] = Schema,
    reply: type[Schema] | None = None,
    success: Sequence[int] = (200,),
    refusals: Sequence[int] = (404, 503),
    media: str = JSON,
) -> Callable[[Callable[..., Response]], View]:
    """Route GET: the view gets the path's ids and the query's fields (strings, or what the schema makes of them).

    `media` is what success replies with, each piece of it as `reply` says.
    """

    def describe() -> dict[str, Any]:
        return {
            "parameters": [{"in": "query", "schema": query}] if query().load_fields else [],
            "responses": _responses(reply, success, (*refusals, 422), media),
        }

    def decorate(route: Callable[..., Response]) -> View:
        @wraps(route)
        def view(**path: Any) -> Response:
            return route(**path, **query_string(query))

        return at.operate(rule, "GET", view, describe)

    return decorate


def query_string(schema: type[Schema]) -> dict[str, Any]:
    """Return the fields of the query string; raise one Malformed that names every bad one, and each given twice for once."""
    given = request.args.to_dict(flat=False)
    twice = [name for name, texts in given.items() if len(texts) > 1 and name in given_once(schema)]
    # A name that may be given again brings a list of its texts.
    texts = {name: one if len(one) > 1 and name not in twice else one[0] for name, one in given.items()}
    details: list[Any] = [{"field": name, "problem": "may be given once"} for name in twice]
    try:
        taken = load(loader_of(schema), texts)
    except Malformed as wrong:
        raise Malformed(
            details=[*details, *(one for one in wrong.details if one["field"] not in twice)]
        ) from None
    if details:
        raise Malformed(details=details)
    return taken


@cache
def given_once(schema: type[Schema]) -> frozenset[str]:
    """Return the names of a query string that take one value each."""
    fields_by_name = {field.data_key or name: field for name, field in schema().load_fields.items()}
    return frozenset(
        name for name, field in fields_by_name.items() if not getattr(field, "may_repeat", False)
    )


def _responses(
    reply: type[Schema] | None, success: Sequence[int], refusals: Iterable[int], media: str = JSON
) -> dict[str, Any]:
    """Describe replies for OpenAPI."""
    good = {code: _response(code, reply or Schema, media) for code in success}
    bad = {code: _response(code, Refusal, JSON) for code in (*refusals, 500)}
    return {str(code): described for code, described in sorted({**good, **bad}.items())}


def _response(code: int, schema: type[Schema], media: str) -> dict[str, Any]:
    """Describe one reply; not modified is the one without a body."""
    described: dict[str, Any] = {"description": HTTPStatus(code).phrase}
    if code != HTTPStatus.NOT_MODIFIED:
        described["content"] = {media: {"schema": schema}}
    if code == HTTPStatus.SERVICE_UNAVAILABLE:
        described["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
    return described


def refusal_response(code: int) -> dict[str, Any]:
    """Describe a refusal that is added to a finished document."""
    described = _response(code, Refusal, JSON)
    described["content"][JSON]["schema"] = {"$ref": "#/components/schemas/Refusal"}
    return described


def _plain(value: Any) -> Any:
    """Turn what JSON does not know into what it does."""
    if isinstance(value, datetime):
        utc = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return utc.isoformat(timespec="microseconds") + "Z"
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields_of(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


encode = json.JSONEncoder(default=_plain, separators=(",", ":"), allow_nan=False).encode


def reply(result: Any, status: int = 200) -> Response:
    """Make the reply of a dataclass or a mapping; a refused `outcome` in it sets status and `error`.

    Times are naive UTC, as the database gives them. A `message` beside a refused outcome becomes the error's.
    """
    body: dict[str, Any] = dict(result) if isinstance(result, Mapping) else _plain(result)
    refusal = REFUSALS.get(body.get("outcome", ""))
    if refusal is not None and "error" not in body:
        message = body.pop("message", None) or (refusal.__doc__ or "").splitlines()[0]
        body["error"] = {"code": refusal.code, "message": message, "details": body.pop("details", [])}
    return answer(body, refusal.http_status if refusal else status)


class Answer(Response):
    """A reply that remembers its outcome for the log."""

    outcome: str | None = None


def answer(body: Mapping[str, Any], status: int) -> Answer:
    """Put a finished body on the wire."""
    made = Answer(encode(body), status, content_type=JSON)
    made.outcome = body.get("outcome")
    return made
