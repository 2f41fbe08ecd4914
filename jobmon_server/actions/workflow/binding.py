"""Workflows and tasks become known: once, whole or not at all, and the same again when the same is asked again."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from jobmon_client.states import Outcome, WorkflowStatus
from jobmon_server.actions.workflow.settle import settle_locked
from jobmon_server.config import Settings
from jobmon_server.db.core.guarded_update import status_values
from jobmon_server.db.core.transaction import LostRace
from jobmon_server.db.core.types import canonical_json
from jobmon_server.db.reads.ownership import refuse_unless_covered
from jobmon_server.db.schema.attribute_index import index_attributes
from jobmon_server.db.schema.execution import EXECUTION, as_columns, as_told, with_defaults
from jobmon_server.db.schema.tables_control import task_attribute, workflow_attribute
from jobmon_server.db.workflows import binding, inputs, workflow_locks
from jobmon_server.db.workflows.binding import KnownTask
from jobmon_server.db.workflows.workflow_locks import LockedWorkflow
from jobmon_server.errors import Invalid, Malformed, Unknown
from jobmon_server.fsm.task import TASK
from jobmon_server.principal import Reach
from jobmon_server.ssrf_guard import ForbiddenTargets, problem_of

_CLOSED = frozenset({WorkflowStatus.DONE, WorkflowStatus.STOPPED})
#: What is given with a task and is no column of it.
_OTHERWISE = frozenset({"upstream", "array", "inputs"})
#: Why no task waits for one of another workflow, and the way.
_ELSEWHERE = (
    ": a workflow ends with its own tasks; bind both in one workflow, or bind this one when the other is over"
    " (jobmon workflow wait ID)"
)
#: How many problems one refusal names.
_MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class BindWorkflowResult:
    """A workflow that is known now, or was before (`duplicate`).

    `clamped` if it is not kept for as long as was asked; `differed` are fields that it has otherwise, and keeps.
    """

    outcome: Outcome
    workflow_id: int
    status: WorkflowStatus
    expiry_seconds: int
    clamped: bool
    differed: list[str]


@dataclass(frozen=True, slots=True)
class BindTasksResult:
    """The ids of the tasks in the order given; `differed` were known before with another definition, which stays."""

    task_ids: list[int]
    differed: list[str]
    num_new: int


def bind_workflow(
    connection: Connection, settings: Settings, reach: Reach | None = None, **definition: Any
) -> BindWorkflowResult:
    """Make a workflow known; the same client_id and request_id again give the same workflow, first bind wins.

    Raises `ForeignWorkflow` where these gave one that is not within the caller's `reach`.
    """
    kept, clamped = kept_seconds(settings, definition.get("expiry_seconds"))
    _refuse_callback(settings, definition.get("callback_url"))
    known = binding.find_workflow(connection, definition.get("client_id"), definition.get("request_id"))
    if known is not None:
        refuse_unless_covered(known, reach)
        asked = definition | ({"expiry_seconds": kept} if "expiry_seconds" in definition else {})
        differed = _differed(known, asked)
        return BindWorkflowResult(
            Outcome.DUPLICATE, known.id, known.status, known.expiry_seconds, clamped, differed
        )
    try:
        row = as_columns({**definition, "expiry_seconds": kept})
        workflow_id = binding.add_workflow(connection, row)
    except IntegrityError as taken:
        raise LostRace from taken
    index_attributes(connection, workflow_attribute, [(workflow_id, definition.get("attributes"))])
    return BindWorkflowResult(Outcome.APPLIED, workflow_id, WorkflowStatus.REGISTERED, kept, clamped, [])


def _differed(known: Any, asked: dict[str, Any]) -> list[str]:
    """Return the fields that a known workflow has otherwise; where it is not recorded from where, no directory differs."""
    has, wanted = as_told(known._mapping), as_told(as_columns(asked))
    differed = [name for name in asked if has[name] != wanted[name]]
    return [one for one in differed if one != "working_directory" or has[one] is not None]


def _refuse_callback(settings: Settings, url: str | None) -> None:
    """Refuse a callback URL that this site forbids, as far as it can be told now. Raises `Malformed`."""
    if url is None or not settings.callback_forbidden:
        return
    if problem := problem_of(url, ForbiddenTargets.parse(settings.callback_forbidden)):
        raise Malformed.field("callback_url", problem)


def kept_seconds(settings: Settings, asked: int | None) -> tuple[int, bool]:
    """Return for how long a workflow is kept once it is over, and whether that is not what was asked."""
    if asked is None:
        return settings.expiry_default, False
    kept = min(max(asked, settings.expiry_minimum), settings.expiry_maximum)
    return kept, kept != asked


def bind_tasks(
    connection: Connection,
    workflow_id: int,
    tasks: Sequence[dict[str, Any]],
    arrays: Iterable[dict[str, Any]] = (),
) -> BindTasksResult:
    """Make tasks and their dependencies known, all or none. Raises `Malformed`, `Unknown`, or `Invalid` when it is over.

    A known name keeps its first definition.
    """
    locked = workflow_locks.lock_workflow(connection, workflow_id)
    if locked is None:
        raise Unknown("workflow", workflow_id)
    if locked.status in _CLOSED:
        raise Invalid(f"The workflow is {locked.status}.", extra={"status": locked.status})
    _refuse_twice(tasks)
    _refuse_inputs_twice(tasks)
    names = {task["name"] for task in tasks}
    wanted = names.union(*(task["upstream"] for task in tasks))
    known = binding.known_tasks(connection, workflow_id, wanted)
    _refuse_unknown_upstreams(tasks, names | known.keys())
    new = [task for task in tasks if task["name"] not in known]
    _refuse_cycles(new)
    array_ids = binding.arrays(connection, workflow_id, {task["array"] for task in new}, list(arrays))
    added = _add(connection, locked, new, array_ids, known)
    settle_locked(connection, locked)
    return _bound(tasks, known, added)


def bind_again(
    connection: Connection, workflow_id: int, tasks: Sequence[dict[str, Any]]
) -> BindTasksResult | None:
    """Return what binding these tasks once more comes to, whatever became of the workflow; None if one is new."""
    _refuse_twice(tasks)
    known = binding.known_tasks(connection, workflow_id, {task["name"] for task in tasks})
    return _bound(tasks, known, {}) if len(known) == len(tasks) else None


def _bound(
    tasks: Sequence[dict[str, Any]], known: dict[str, KnownTask], added: dict[str, int]
) -> BindTasksResult:
    ids = {name: task.task_id for name, task in known.items()} | added
    differed = [
        task["name"] for task in tasks if task["name"] in known and digest(task) != known[task["name"]].digest
    ]
    return BindTasksResult([ids[task["name"]] for task in tasks], differed, len(added))


def digest(task: dict[str, Any]) -> str:
    """Return what tells one definition of a task from another."""
    given = {name: value for name, value in task.items() if name not in EXECUTION or value is not None}
    definition = {**given, "upstream": sorted(set(task["upstream"]))}
    return hashlib.blake2b(canonical_json(definition).encode(), digest_size=16).hexdigest()


def _add(
    connection: Connection,
    locked: LockedWorkflow,
    new: Sequence[dict[str, Any]],
    array_ids: dict[str, int],
    known: dict[str, KnownTask],
) -> dict[str, int]:
    workflow_id, now = locked.workflow_id, locked.now
    passed_on = {name for name, task in known.items() if task.is_released}
    defaults = binding.read_defaults(connection, workflow_id) if new else {}

    def row(task: dict[str, Any]) -> dict[str, Any]:
        own = {key: value for key, value in task.items() if key not in _OTHERWISE}
        return {
            **as_columns(with_defaults(own, defaults)),
            # Its own, or its workflow's; a definition that says nothing has the digest that it always had.
            "lost_contact": task.get("lost_contact", locked.lost_contact),
            "workflow_id": workflow_id,
            "array_id": array_ids[task["array"]],
            **status_values(TASK.initial, now),
            "upstreams_left": len(set(task["upstream"]) - passed_on),
            "definition_digest": digest(task),
            "created_at": now,
        }

    added = binding.add_tasks(connection, workflow_id, map(row, new))
    index_attributes(
        connection, task_attribute, ((added[task["name"]], task.get("attributes")) for task in new)
    )
    ids = {name: task.task_id for name, task in known.items()} | added
    binding.add_edges(
        connection, ((ids[up], added[task["name"]]) for task in new for up in set(task["upstream"]))
    )
    inputs.add_inputs(
        connection, ((added[task["name"]], name) for task in new for name in task.get("inputs", ())), now
    )
    return added


def _refuse_twice(tasks: Sequence[dict[str, Any]]) -> None:
    counts = Counter(task["name"] for task in tasks)
    _refuse(
        (f"tasks.{position}.name", f"{task['name']!r} is given more than once in this call")
        for position, task in enumerate(tasks)
        if counts[task["name"]] > 1
    )


def _refuse_inputs_twice(tasks: Sequence[dict[str, Any]]) -> None:
    _refuse(
        (f"tasks.{position}.inputs", f"{name!r} is given more than once for this task")
        for position, task in enumerate(tasks)
        for name, count in Counter(task.get("inputs", ())).items()
        if count > 1
    )


def _refuse_unknown_upstreams(tasks: Sequence[dict[str, Any]], names: set[str]) -> None:
    _refuse(
        (
            f"tasks.{position}.upstream.{index}",
            f"{upstream!r} is no task of this call or of the workflow{_ELSEWHERE}",
        )
        for position, task in enumerate(tasks)
        for index, upstream in enumerate(task["upstream"])
        if upstream not in names
    )


def _refuse_cycles(new: Sequence[dict[str, Any]]) -> None:
    sorter = TopologicalSorter({task["name"]: task["upstream"] for task in new})
    try:
        sorter.prepare()
    except CycleError as cycle:
        walk = list(reversed(cycle.args[1]))
        position = next(index for index, task in enumerate(new) if task["name"] in walk)
        problem = f"a cycle: {' → '.join(walk[:20])}{' → …' if len(walk) > 20 else ''}"
        raise Malformed.field(f"tasks.{position}.upstream", problem) from None


def _refuse(problems: Iterable[tuple[str, str]]) -> None:
    details = [
        {"field": field, "problem": problem}
        for _, (field, problem) in zip(range(_MOST_PROBLEMS), problems, strict=False)
    ]
    if details:
        raise Malformed(details=details)
