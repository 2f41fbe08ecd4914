"""Nothing is out of reach, nothing is a trap, and deadlines alone bring an instance to an end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from jobmon_client.states import Group
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_client.states import WorkflowRunStatus as Run
from jobmon_server.fsm.table import S, Table
from jobmon_server.fsm.task import TASK
from jobmon_server.fsm.task_instance import TASK_INSTANCE, WHEN_OVERDUE
from jobmon_server.fsm.workflow import WORKFLOW, WORKFLOW_RUN

every_machine = pytest.mark.parametrize(
    "table", [TASK_INSTANCE, TASK, WORKFLOW, WORKFLOW_RUN], ids=["task_instance", "task", "workflow", "run"]
)


def reachable(table: Table[S], starts: Iterable[S]) -> set[S]:
    """Return all that is reached from `starts`, them included, without an operator's act."""
    seen, todo = set[S](), list(starts)
    while todo:
        status = todo.pop()
        if status not in seen:
            seen.add(status)
            todo += [edge.to for edge in table.edges if edge.was == status and not edge.operator]
    return seen


@every_machine
def test_every_status_is_reachable_without_an_operator(table: Table[Any]) -> None:
    assert reachable(table, [table.initial]) == table.live | table.terminal


@every_machine
def test_every_live_status_has_a_way_to_an_end(table: Table[Any]) -> None:
    for status in table.live:
        assert reachable(table, [status]) & table.terminal


@every_machine
def test_nothing_leaves_a_terminal_status_but_by_an_operators_act(table: Table[Any]) -> None:
    for edge in table.edges:
        assert edge.operator or edge.was not in table.terminal


@every_machine
def test_every_edge_and_every_race_has_a_reason(table: Table[Any]) -> None:
    for edge in (*table.edges, *table.untimely):
        assert edge.why == edge.why.strip()
        assert edge.why


def test_nothing_ever_revives_an_ended_instance_or_run() -> None:
    assert not [edge for table in (TASK_INSTANCE, WORKFLOW_RUN) for edge in table.edges if edge.operator]


def test_only_a_new_instance_is_queued() -> None:
    assert TASK_INSTANCE.sources(TI.QUEUED) == frozenset()


def test_sources_are_where_the_edges_come_from() -> None:
    assert TASK_INSTANCE.sources(TI.LAUNCHED) == {TI.INSTANTIATED}
    assert WORKFLOW_RUN.sources(Run.RUNNING) == {Run.BOUND}


def test_every_live_instance_but_a_queued_one_has_a_deadline_that_is_an_edge() -> None:
    assert set(WHEN_OVERDUE) == TASK_INSTANCE.live - {TI.QUEUED}
    for was, to in WHEN_OVERDUE.items():
        assert TASK_INSTANCE.allows(was, to)


@pytest.mark.parametrize("status", WHEN_OVERDUE)
def test_deadlines_alone_end_every_claimed_instance(status: TI) -> None:
    path = [status]
    while path[-1] in WHEN_OVERDUE:
        path.append(WHEN_OVERDUE[path[-1]])
        assert len(path) <= len(TI), f"a circle: {path}"
    assert path[-1] in TASK_INSTANCE.terminal


def test_the_empty_path_is_no_move_and_a_path_is_all_its_steps() -> None:
    assert WORKFLOW_RUN.allows(Run.DONE)
    assert WORKFLOW_RUN.allows(Run.BOUND, Run.RUNNING, Run.ERROR)
    assert not WORKFLOW_RUN.allows(Run.BOUND, Run.RUNNING, Run.BOUND)
    assert not WORKFLOW_RUN.allows(Run.RUNNING, Run.RUNNING)


STARTS = (Run.BOUND, Run.RUNNING, "it starts")
ENDS = (Run.RUNNING, Run.DONE, "it ends")
GROUPS = {Group.WAITING: tuple(Run)}


@pytest.mark.parametrize(
    ("edges", "operator", "untimely", "named"),
    [
        ((STARTS, ENDS, STARTS), (), (), r"written twice \['BOUND→RUNNING'\]"),
        ((STARTS, ENDS), (ENDS,), (), r"written twice \['RUNNING→DONE'\]"),
        ((STARTS, ENDS), (), (ENDS,), r"written twice \['RUNNING→DONE'\]"),
        ((STARTS,), (), (ENDS, ENDS), r"written twice \['RUNNING→DONE'\]"),
        ((STARTS, (Run.DONE, Run.DONE, "again")), (), (), r"edges to itself \['DONE'\]"),
        ((STARTS,), ((Run.DONE, Run.DONE, "again"),), (), r"edges to itself \['DONE'\]"),
    ],
    ids=["edge-twice", "edge-and-operator", "edge-and-race", "race-twice", "loop", "operator-loop"],
)
def test_a_table_that_contradicts_itself_is_refused(
    edges: tuple[tuple[Run, Run, str], ...],
    operator: tuple[tuple[Run, Run, str], ...],
    untimely: tuple[tuple[Run, Run, str], ...],
    named: str,
) -> None:
    with pytest.raises(ValueError, match=named):
        Table(Run, Run.BOUND, edges, groups=GROUPS, operator=operator, untimely=untimely)


def test_a_race_to_itself_is_no_contradiction() -> None:
    table = Table(
        Run, Run.BOUND, (STARTS, ENDS), groups=GROUPS, untimely=((Run.DONE, Run.DONE, "said twice"),)
    )
    assert table.is_untimely(Run.DONE, Run.DONE)
    assert not table.allows(Run.DONE, Run.DONE)


def test_an_operators_edge_leaves_a_status_terminal() -> None:
    table = Table(Run, Run.BOUND, (STARTS, ENDS), groups=GROUPS, operator=((Run.DONE, Run.BOUND, "rerun"),))
    assert Run.DONE in table.terminal
    assert table.allows(Run.DONE, Run.BOUND)
    assert table.sources(Run.BOUND) == frozenset()


@pytest.mark.parametrize(
    ("groups", "named"),
    [
        ({Group.WAITING: (Run.BOUND, Run.RUNNING, Run.DONE, Run.ERROR, Run.STOPPED)}, "TERMINATED"),
        ({Group.WAITING: tuple(Run), Group.ERROR: (Run.ERROR,)}, "ERROR"),
    ],
    ids=["in-none", "in-two"],
)
def test_every_status_is_in_one_group(groups: dict[Group, tuple[Run, ...]], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Table(Run, Run.BOUND, (STARTS, ENDS), groups=groups)


@every_machine
def test_what_is_completed_or_an_error_has_ended_and_nothing_else_has(table: Table[Any]) -> None:
    ended = {status for status, group in table.groups.items() if group in {Group.COMPLETED, Group.ERROR}}
    assert ended - table.terminal <= {T.ERROR_RECOVERABLE}
    assert table.terminal <= ended
