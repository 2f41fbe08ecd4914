"""The sets of statuses that the client goes by are those that the server's tables make."""

from __future__ import annotations

from jobmon_client import states
from jobmon_server.fsm import task, workflow


def test_live_tasks_are_the_servers() -> None:
    assert states.LIVE_TASKS == task.LIVE


def test_a_workflow_is_over_when_its_run_ends_with_it() -> None:
    assert frozenset(workflow.RUN_ENDS) == states.WORKFLOW_OVER
