"""Workflow and workflow run: tables of the same form, and the truth table of a workflow's status."""

from __future__ import annotations

from dataclasses import dataclass

from jobmon_client.states import Group
from jobmon_client.states import TaskStatus as T
from jobmon_client.states import WorkflowRunStatus as Run
from jobmon_client.states import WorkflowStatus as W
from jobmon_server.fsm.table import Table
from jobmon_server.fsm.task import LIVE, TASK

# fmt: off
WORKFLOW = Table(
    W,
    W.REGISTERED,
    (
        # from        to            why
        (W.REGISTERED, W.RUNNING,    "a run started"),
        (W.REGISTERED, W.PAUSED,     "paused before any run"),
        (W.REGISTERED, W.STOPPED,    "stopped before any run"),
        (W.RUNNING,    W.DONE,       "every task is DONE"),
        (W.RUNNING,    W.FAILED,     "nothing is live or ready, and a task failed for good"),
        (W.RUNNING,    W.STOPPED,    "nothing is live or ready, and a task was stopped"),
        (W.RUNNING,    W.PAUSED,     "nothing is live or ready, and something is paused"),
        (W.RUNNING,    W.HALTED,     "its run ended with work left"),
        (W.PAUSED,     W.RUNNING,    "played, or resumed"),
        (W.PAUSED,     W.REGISTERED, "played before any run"),
        (W.PAUSED,     W.HALTED,     "its run ended with work left"),
        (W.PAUSED,     W.STOPPED,    "what was paused is stopped"),
        (W.HALTED,     W.RUNNING,    "resumed"),
        (W.HALTED,     W.PAUSED,     "resumed while paused"),
        (W.HALTED,     W.DONE,       "what was live ended well, nothing is left"),
        (W.HALTED,     W.FAILED,     "what was live ended, and a task failed for good"),
        (W.HALTED,     W.STOPPED,    "what was left is stopped"),
    ),
    groups={
        Group.WAITING: (W.REGISTERED, W.PAUSED, W.HALTED),
        Group.RUNNING: (W.RUNNING,),
        Group.COMPLETED: (W.DONE,),
        Group.ERROR: (W.FAILED, W.STOPPED),
    },
    operator=(
        (W.FAILED,     W.RUNNING,    "resumed"),
        (W.FAILED,     W.PAUSED,     "resumed while paused"),
        (W.FAILED,     W.HALTED,     "a task is to run again, or one was added, and no run is alive"),
        (W.FAILED,     W.STOPPED,    "what had failed is to run again, and was stopped"),
        (W.STOPPED,    W.HALTED,     "a task is to run again and no run is alive"),
        (W.STOPPED,    W.REGISTERED, "a task is to run again before any run"),
        (W.STOPPED,    W.PAUSED,     "a task is to run again while paused, before any run"),
        (W.DONE,       W.HALTED,     "a task is to run again and no run is alive"),
    ),
)

WORKFLOW_RUN = Table(
    Run,
    Run.BOUND,
    (
        (Run.BOUND,   Run.RUNNING,    "its first heartbeat, or its first queueing"),
        *((was, Run.DONE,       "its workflow is DONE") for was in (Run.BOUND, Run.RUNNING)),
        *((was, Run.ERROR,      "its workflow FAILED, or its owner fell silent") for was in (Run.BOUND, Run.RUNNING)),
        *((was, Run.STOPPED,    "its workflow is STOPPED, or its owner ended it") for was in (Run.BOUND, Run.RUNNING)),
        *((was, Run.TERMINATED, "its owner fell silent and a resume took over") for was in (Run.BOUND, Run.RUNNING)),
    ),
    groups={
        Group.WAITING: (Run.BOUND,),
        Group.RUNNING: (Run.RUNNING,),
        Group.COMPLETED: (Run.DONE,),
        Group.ERROR: (Run.ERROR, Run.STOPPED, Run.TERMINATED),
    },
)
# fmt: on

#: How a run ends with its workflow.
RUN_ENDS = {W.DONE: Run.DONE, W.FAILED: Run.ERROR, W.STOPPED: Run.STOPPED}


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a workflow's status depends on.

    `present` are the statuses that at least one task has; `ready` that a task could be queued now; `held` that the
    workflow is paused as a whole, so that nothing is queued until play.
    """

    present: frozenset[T]
    ready: bool
    held: bool
    run_alive: bool
    ever_run: bool


def workflow_status(facts: Facts) -> W:
    """Return a workflow's status, a pure function of its facts: the truth table of docs/states.md, row by row."""
    if facts.present & LIVE or (facts.ready and not facts.held):
        return _by_run(facts, W.RUNNING, W.HALTED, W.REGISTERED)
    if T.ERROR_FATAL in facts.present:
        return W.FAILED
    if T.STOPPED in facts.present:
        return W.STOPPED
    if facts.present - TASK.terminal:
        return _by_run(facts, W.PAUSED, W.HALTED, W.PAUSED)
    return W.DONE if facts.present else _by_run(facts, W.DONE, W.HALTED, W.REGISTERED)


def _by_run(facts: Facts, alive: W, ended: W, never: W) -> W:
    if facts.run_alive:
        return alive
    return ended if facts.ever_run else never
