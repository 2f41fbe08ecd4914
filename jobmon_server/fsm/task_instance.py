"""The task instance: one attempt at a task, from its queueing to its end."""

from __future__ import annotations

from jobmon_client.states import Group
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_server.fsm.table import Table

_LATE_LAUNCH = "the distributor was late to say that it launched"
_FINISHED_FIRST = "it was told to stop; its own end came with the confirmation or will come"
_CONFIRMED_ALREADY = "another reporter has ended it so already"

# fmt: off
TASK_INSTANCE = Table(
    TI,
    TI.QUEUED,
    (
        # from             to                    why
        (TI.QUEUED,        TI.INSTANTIATED,      "a distributor claimed it"),
        (TI.QUEUED,        TI.ERROR_FATAL,       "it was stopped before anyone claimed it"),
        (TI.INSTANTIATED,  TI.LAUNCHED,          "the cluster accepted it"),
        (TI.INSTANTIATED,  TI.RUNNING,           "the worker was quicker than the distributor"),
        (TI.INSTANTIATED,  TI.ERROR,             "a quick worker failed before it could start"),
        (TI.INSTANTIATED,  TI.ERROR_FATAL,       "a quick worker failed for good before it could start"),
        (TI.INSTANTIATED,  TI.NO_DISTRIBUTOR_ID, "its submission failed, or its deadline passed"),
        (TI.INSTANTIATED,  TI.KILL_SELF,         "it was told to stop"),
        (TI.LAUNCHED,      TI.RUNNING,           "the worker is about to start its command"),
        (TI.LAUNCHED,      TI.ERROR,             "the cluster says it ended without a worker speaking"),
        (TI.LAUNCHED,      TI.RESOURCE_ERROR,    "the cluster says it ended for want of a resource, without a worker speaking"),
        (TI.LAUNCHED,      TI.UNKNOWN_ERROR,     "the cluster says it ended, not why, without a worker speaking"),
        (TI.LAUNCHED,      TI.NO_HEARTBEAT,      "its deadline passed before a worker spoke"),
        (TI.LAUNCHED,      TI.KILL_SELF,         "it was told to stop"),
        (TI.LAUNCHED,      TI.ERROR_FATAL,       "the cluster says it ended for good, without a worker speaking"),
        (TI.RUNNING,       TI.DONE,              "the command succeeded"),
        (TI.RUNNING,       TI.ERROR,             "the command failed"),
        (TI.RUNNING,       TI.RESOURCE_ERROR,    "the command failed for want of a resource"),
        (TI.RUNNING,       TI.UNKNOWN_ERROR,     "it vanished and nobody knows why"),
        (TI.RUNNING,       TI.ERROR_FATAL,       "the command failed for good"),
        (TI.RUNNING,       TI.TRIAGING,          "its deadline passed"),
        (TI.RUNNING,       TI.KILL_SELF,         "it was told to stop"),
        (TI.TRIAGING,      TI.RUNNING,           "it spoke after all"),
        (TI.TRIAGING,      TI.DONE,              "the command had succeeded"),
        (TI.TRIAGING,      TI.ERROR,             "the command had failed"),
        (TI.TRIAGING,      TI.RESOURCE_ERROR,    "the command had failed for want of a resource"),
        (TI.TRIAGING,      TI.UNKNOWN_ERROR,     "the cluster does not know, or nobody asked it in time"),
        (TI.TRIAGING,      TI.ERROR_FATAL,       "the command had failed for good"),
        (TI.TRIAGING,      TI.KILL_SELF,         "it was told to stop"),
        (TI.NO_HEARTBEAT,  TI.ERROR,             "it never started: to be tried again"),
        (TI.NO_HEARTBEAT,  TI.RESOURCE_ERROR,    "the cluster knew more: want of a resource"),
        (TI.NO_HEARTBEAT,  TI.UNKNOWN_ERROR,     "the cluster knew that it ended, not why"),
        (TI.NO_HEARTBEAT,  TI.ERROR_FATAL,       "it was stopped"),
        (TI.KILL_SELF,     TI.ERROR_FATAL,       "it is confirmed dead"),
        (TI.KILL_SELF,     TI.DONE,              "it finished first"),
    ),
    groups={
        Group.WAITING: (TI.QUEUED, TI.INSTANTIATED, TI.LAUNCHED),
        Group.RUNNING: (TI.RUNNING, TI.TRIAGING, TI.NO_HEARTBEAT, TI.KILL_SELF),
        Group.COMPLETED: (TI.DONE,),
        Group.ERROR: (TI.ERROR, TI.RESOURCE_ERROR, TI.UNKNOWN_ERROR, TI.NO_DISTRIBUTOR_ID, TI.ERROR_FATAL),
    },
    untimely=(
        *((was, TI.LAUNCHED, _LATE_LAUNCH) for was in TI if was not in {TI.QUEUED, TI.INSTANTIATED, TI.LAUNCHED}),
        (TI.ERROR,          TI.UNKNOWN_ERROR,     "the worker spoke before the reconciler"),
        (TI.RESOURCE_ERROR, TI.UNKNOWN_ERROR,     "the worker spoke before the reconciler"),
        (TI.DONE,           TI.UNKNOWN_ERROR,     "the worker spoke before the reconciler"),
        (TI.UNKNOWN_ERROR,  TI.DONE,              "it was given up; the task may run again already"),
        (TI.UNKNOWN_ERROR,  TI.ERROR,             "it was given up; the worker speaks late"),
        (TI.UNKNOWN_ERROR,  TI.RESOURCE_ERROR,    "it was given up; the worker speaks late"),
        (TI.KILL_SELF,      TI.ERROR,             _FINISHED_FIRST),
        (TI.KILL_SELF,      TI.RESOURCE_ERROR,    _FINISHED_FIRST),
        (TI.KILL_SELF,      TI.UNKNOWN_ERROR,     _FINISHED_FIRST),
        *((error, error, _CONFIRMED_ALREADY) for error in (
            TI.ERROR, TI.RESOURCE_ERROR, TI.UNKNOWN_ERROR, TI.NO_DISTRIBUTOR_ID, TI.ERROR_FATAL)),
    ),
)
# fmt: on

#: A worker that says RUNNING here is told to stop: its report closes the instance in that very transaction.
TOLD_TO_STOP = {TI.KILL_SELF: TI.ERROR_FATAL, TI.NO_HEARTBEAT: TI.ERROR}

#: Where a status goes by itself when its deadline passes; QUEUED alone waits without one.
WHEN_OVERDUE = {
    TI.INSTANTIATED: TI.NO_DISTRIBUTOR_ID,
    TI.LAUNCHED: TI.NO_HEARTBEAT,
    TI.NO_HEARTBEAT: TI.ERROR,
    TI.RUNNING: TI.TRIAGING,
    TI.TRIAGING: TI.UNKNOWN_ERROR,
    TI.KILL_SELF: TI.ERROR_FATAL,
}

#: Statuses whose deadline a heartbeat extends: one worker's, and a batch of a reconciler or a node agent.
EXTENDED_BY_WORKER = frozenset({TI.RUNNING})
EXTENDED_BY_BATCH = frozenset({TI.INSTANTIATED, TI.LAUNCHED, TI.RUNNING})

#: Statuses whose deadline a distributor that cannot ask its cluster puts off, where they are.
EXTENDED_BY_HOLD = frozenset({TI.LAUNCHED, TI.TRIAGING, TI.NO_HEARTBEAT})

#: Statuses that a worker keeps by saying that the kernel cannot kill its command: it is to end, and still runs.
KEPT_UNKILLABLE = frozenset({TI.TRIAGING, TI.KILL_SELF})

#: Where a submission is refused for good: nothing was started.
REFUSED_FROM = frozenset({TI.INSTANTIATED})

#: Statuses that a distributor looks after: claimed, and no worker's heartbeat keeps them.
TENDED = TASK_INSTANCE.live - {TI.QUEUED} - EXTENDED_BY_WORKER

#: Statuses in which `log_unknown_error` must find the deadline passed; elsewhere the status itself says so.
ASKS_DEADLINE = frozenset({TI.INSTANTIATED, TI.LAUNCHED, TI.RUNNING})

#: What a report may give as `error_state`.
ERROR_STATES = (TI.ERROR, TI.RESOURCE_ERROR, TI.UNKNOWN_ERROR, TI.ERROR_FATAL)

#: Ends that the infrastructure may be at fault for, so that the attempt is given back.
INFRASTRUCTURE_STATES = frozenset({TI.ERROR, TI.UNKNOWN_ERROR, TI.NO_DISTRIBUTOR_ID})

#: Terminal statuses that leave an entry in the error log.
FAILED = TASK_INSTANCE.terminal - {TI.DONE}


def when_stopped(status: TI) -> TI:
    """Return where a live instance goes when it is stopped: KILL_SELF where somebody may hold it, else closed at once."""
    may_be_held = status is TI.KILL_SELF or TASK_INSTANCE.allows(status, TI.KILL_SELF)
    return TI.KILL_SELF if may_be_held else TI.ERROR_FATAL
