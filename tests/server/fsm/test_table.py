"""A table derives what follows from its edges, and refuses those that contradict one another."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from jobmon_client.states import Group, Outcome, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_client.states import WorkflowRunStatus as Run
from jobmon_server.fsm.plan import By, Pair, Plan
from jobmon_server.fsm.table import Edge, Table
from jobmon_server.fsm.workflow import Facts

EDGES = ((Run.BOUND, Run.RUNNING, "begins"), (Run.RUNNING, Run.DONE, "ends"))
GROUPS = {
    Group.WAITING: (Run.BOUND,),
    Group.RUNNING: (Run.RUNNING,),
    Group.COMPLETED: (Run.DONE,),
    Group.ERROR: (Run.ERROR, Run.STOPPED, Run.TERMINATED),
}


def table(*edges: tuple[Run, Run, str], **more: Any) -> Table[Run]:
    return Table(Run, Run.BOUND, (*EDGES, *edges), **{"groups": GROUPS, **more})


def test_what_only_an_operator_leads_out_of_is_terminal_and_is_no_source() -> None:
    made = table(operator=[(Run.DONE, Run.RUNNING, "again")])
    assert made.live == {Run.BOUND, Run.RUNNING}
    assert made.terminal == {Run.DONE, Run.ERROR, Run.STOPPED, Run.TERMINATED}
    assert made.allows(Run.DONE, Run.RUNNING)
    assert made.sources(Run.RUNNING) == {Run.BOUND}
    assert made.sources(Run.BOUND) == frozenset()
    assert [edge.operator for edge in made.edges] == [False, False, True]


def test_every_step_of_a_path_has_to_be_an_edge() -> None:
    made = table()
    assert made.allows(Run.DONE)
    assert made.allows(Run.BOUND, Run.RUNNING, Run.DONE)
    assert not made.allows(Run.BOUND, Run.DONE)
    assert not made.allows(Run.BOUND, Run.DONE, Run.DONE)
    assert not made.allows(Run.BOUND, Run.RUNNING, Run.RUNNING)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"edges": [EDGES[0]]}, r"written twice \['BOUND→RUNNING'\], edges to itself \[\]"),
        ({"operator": [EDGES[1]]}, r"written twice \['RUNNING→DONE'\], edges to itself \[\]"),
        ({"untimely": [EDGES[0]]}, r"written twice \['BOUND→RUNNING'\], edges to itself \[\]"),
        ({"edges": [(Run.DONE, Run.DONE, "")]}, r"written twice \[\], edges to itself \['DONE'\]"),
        ({"groups": {**GROUPS, Group.WAITING: ()}}, r"not in one group \['BOUND'\]"),
        ({"groups": {**GROUPS, Group.WAITING: (Run.BOUND, Run.DONE)}}, r"not in one group \['DONE'\]"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(more: dict[str, Any], message: str) -> None:
    edges = more.pop("edges", ())
    with pytest.raises(ValueError, match=f"^WorkflowRunStatus: {message}$"):
        table(*edges, **more)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Edge(T.QUEUED, T.PAUSED, "why"), "operator"),
        (By(Reporter.WORKER), "worker_id"),
        (Pair(TI.QUEUED, T.QUEUED), "orphan"),
        (Plan(Outcome.APPLIED, TI.DONE, TI.DONE, T.DONE, 1, 0), "task"),
        (Facts(frozenset(), ready=False, held=False, run_alive=False, ever_run=False), "ready"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_decided_from_and_what_was_decided_cannot_be_changed(value: Any, name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, getattr(value, name))
