"""Every cross-table invariant as a read-only query: what `jobmon-server db check` runs, and the tests after each blow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, exists, func, or_, select, true
from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, Reporter, TaskInstanceStatus, TaskStatus, WorkflowStatus
from jobmon_server.db.schema.tables import edge, task, task_instance
from jobmon_server.db.schema.tables_control import command, metadata, metric_sample
from jobmon_server.db.schema.tables_records import error_log, journal
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run
from jobmon_server.fsm.consistent import CLOSED_AS, live_pairs
from jobmon_server.fsm.task import LIVE, QUEUEABLE
from jobmon_server.fsm.task_instance import FAILED, TASK_INSTANCE
from jobmon_server.fsm.workflow import WORKFLOW_RUN

#: How many rows each rule names.
_MOST = 20
_RULES: list[tuple[str, Callable[[], Select[Any]]]] = []


@dataclass(frozen=True, slots=True)
class Violation:
    """A row that breaks a rule."""

    rule: str
    table: str
    id: int


def check(connection: Connection) -> list[Violation]:
    """Return the rows that break a rule, at most twenty for each; an empty list means that all is well."""
    found = [
        Violation(rule, statement.get_final_froms()[0].name, row_id)  # type: ignore[attr-defined]
        for rule, make in _RULES
        for statement in [make()]
        for row_id in connection.execute(statement.limit(_MOST)).scalars()
    ]
    return [*found, *_lost_parents(connection)]


def _rule(text: str) -> Callable[[Callable[[], Select[Any]]], Callable[[], Select[Any]]]:
    def register(make: Callable[[], Select[Any]]) -> Callable[[], Select[Any]]:
        _RULES.append((text, make))
        return make

    return register


_of_task = task_instance.c.task_id == task.c.id
_is_current = and_(_of_task, task_instance.c.attempt == task.c.last_attempt)
_is_live = task_instance.c.status.in_(TASK_INSTANCE.live)


def _pairs_agree() -> ColumnElement[bool]:
    return or_(
        *(
            and_(task_instance.c.status == instance, task.c.status == its_task)
            for instance, its_task in sorted(live_pairs())
        )
    )


@_rule("a live instance that is no orphan agrees with its task")
def _() -> Select[Any]:
    return select(task_instance.c.id).where(
        exists().where(_of_task, ~_pairs_agree()), _is_live, ~task_instance.c.orphan
    )


@_rule("a live orphan is told to stop")
def _() -> Select[Any]:
    told = task_instance.c.status == TaskInstanceStatus.KILL_SELF
    return select(task_instance.c.id).where(
        _is_live, or_(task_instance.c.orphan, task_instance.c.requeue), ~told
    )


@_rule("a live instance is the last of its task")
def _() -> Select[Any]:
    return select(task_instance.c.id).where(_is_live, ~exists().where(_is_current))


@_rule("a task that is queued, launched or running has a live instance")
def _() -> Select[Any]:
    return select(task.c.id).where(
        task.c.status.in_(LIVE), ~exists().where(_is_current, _is_live, ~task_instance.c.orphan)
    )


@_rule("a task that is DONE or ERROR_FATAL was closed so by its last instance")
def _() -> Select[Any]:
    closed = or_(
        *(
            and_(task.c.status == status, ~exists().where(_is_current, task_instance.c.status.in_(allowed)))
            for status, allowed in CLOSED_AS.items()
        )
    )
    return select(task.c.id).where(closed)


@_rule("no task rests in ERROR_RECOVERABLE")
def _() -> Select[Any]:
    return select(task.c.id).where(task.c.status == TaskStatus.ERROR_RECOVERABLE)


@_rule("a task's instances are counted")
def _() -> Select[Any]:
    instances = select(func.count()).where(_of_task).correlate(task).scalar_subquery()
    return select(task.c.id).where(
        or_(
            task.c.last_attempt != instances,
            task.c.num_attempts > task.c.last_attempt,
            task.c.num_attempts > task.c.max_attempts,
        )
    )


@_rule("every live instance but a queued one has a deadline")
def _() -> Select[Any]:
    queued = task_instance.c.status == TASK_INSTANCE.initial
    return select(task_instance.c.id).where(
        or_(
            and_(_is_live, ~queued, task_instance.c.report_by.is_(None)),
            and_(or_(~_is_live, queued), task_instance.c.report_by.is_not(None)),
        )
    )


def _applied(column: Any, *, last: bool) -> Any:
    """A column of the first or the last applied journal row of an instance."""
    order = journal.c.id.desc() if last else journal.c.id
    return (
        select(column)
        .where(journal.c.task_instance_id == task_instance.c.id, journal.c.outcome == Outcome.APPLIED.value)
        .order_by(order)
        .limit(1)
        .correlate(task_instance)
        .scalar_subquery()
    )


@_rule("the last applied journal row is the instance's status")
def _() -> Select[Any]:
    ends = _applied(journal.c.wanted, last=True)
    return select(task_instance.c.id).where(or_(ends.is_(None), ends != task_instance.c.status))


@_rule("the first journal row of an instance queues it")
def _() -> Select[Any]:
    begins = _applied(journal.c.wanted, last=False)
    was = _applied(journal.c.was, last=False)
    return select(task_instance.c.id).where(
        or_(begins.is_(None), begins != TASK_INSTANCE.initial, was.is_not(None))
    )


@_rule("a failed instance has one entry in the error log, another none, until an operator says otherwise")
def _() -> Select[Any]:
    entries = (
        select(func.count())
        .where(error_log.c.task_instance_id == task_instance.c.id)
        .correlate(task_instance)
        .scalar_subquery()
    )
    failed = task_instance.c.status.in_(FAILED)
    # What was written of it stays: a status set by force adds to the log, or leaves in it what is true no more.
    after_its_end = exists().where(
        journal.c.task_instance_id == task_instance.c.id,
        journal.c.reporter == Reporter.OPERATOR.value,
        journal.c.was.in_(TASK_INSTANCE.terminal),
    )
    odd = or_(and_(failed, entries != 1), and_(~failed, entries != 0))
    return select(task_instance.c.id).where(or_(and_(odd, ~after_its_end), and_(failed, entries == 0)))


@_rule("a task waits for as many upstreams as have not told it that they are DONE")
def _() -> Select[Any]:
    upstream = task.alias("upstream")
    left = (
        select(func.count())
        .where(edge.c.downstream_id == task.c.id, edge.c.upstream_id == upstream.c.id, ~upstream.c.released)
        .correlate(task)
        .scalar_subquery()
    )
    return select(task.c.id).where(task.c.upstreams_left != left)


@_rule("only a task that may be queued waits before it is tried again")
def _() -> Select[Any]:
    return select(task.c.id).where(task.c.ready_at.is_not(None), task.c.status.not_in(QUEUEABLE))


@_rule("only a DONE task has told its downstreams")
def _() -> Select[Any]:
    return select(task.c.id).where(task.c.released, task.c.status != TaskStatus.DONE)


@_rule("a run that is alive is the last of its workflow")
def _() -> Select[Any]:
    last = exists().where(
        workflow.c.id == workflow_run.c.workflow_id, workflow.c.last_run_id == workflow_run.c.id
    )
    return select(workflow_run.c.id).where(workflow_run.c.status.in_(WORKFLOW_RUN.live), ~last)


@_rule("a workflow that is DONE has nothing left to do")
def _() -> Select[Any]:
    left = exists().where(task.c.workflow_id == workflow.c.id, task.c.status != TaskStatus.DONE)
    return select(workflow.c.id).where(workflow.c.status == WorkflowStatus.DONE, left)


@_rule("an instance counts the commands that it has not acknowledged")
def _() -> Select[Any]:
    waiting = (
        select(func.count())
        .where(command.c.task_instance_id == task_instance.c.id, command.c.acknowledged_at.is_(None))
        .correlate(task_instance)
        .scalar_subquery()
    )
    return select(task_instance.c.id).where(task_instance.c.pending_commands != waiting)


@_rule("every measurement was counted")
def _() -> Select[Any]:
    uncounted = exists().where(
        metric_sample.c.task_instance_id == task_instance.c.id,
        metric_sample.c.slot >= task_instance.c.metric_samples,
    )
    return select(task_instance.c.id).where(uncounted)


def _lost_parents(connection: Connection) -> list[Violation]:
    """Rows whose parent is gone, for every declared foreign key."""
    return [
        violation
        for table in metadata.sorted_tables
        for constraint in table.foreign_key_constraints
        for violation in _lost(connection, table, [(one.parent, one.column) for one in constraint.elements])
    ]


def _lost(connection: Connection, table: Table, pairs: list[tuple[Any, Any]]) -> list[Violation]:
    key = table.primary_key.columns.values()[0]
    parent = pairs[0][1].table.alias()
    found = exists().where(*(child == parent.c[column.name] for child, column in pairs))
    statement = select(key).where(~found, true()).limit(_MOST)
    rule = f"{table.name}.{pairs[0][0].name} has its row in {pairs[0][1].table.name}"
    return [Violation(rule, table.name, row_id) for row_id in connection.execute(statement).scalars()]
