"""The task: the logical unit of work, which keeps the outcome and the retry budget."""

from __future__ import annotations

from jobmon_client.states import Group
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.fsm.table import Table

# fmt: off
TASK = Table(
    T,
    T.REGISTERING,
    (
        # from                   to                     why
        (T.REGISTERING,          T.QUEUED,              "it is ready and a run queued it"),
        (T.ADJUSTING_RESOURCES,  T.QUEUED,              "it is queued again with scaled resources"),
        (T.QUEUED,               T.INSTANTIATING,       "a distributor claimed its instance"),
        (T.INSTANTIATING,        T.LAUNCHED,            "the cluster accepted its instance"),
        (T.INSTANTIATING,        T.RUNNING,             "the worker was quicker than the distributor"),
        (T.LAUNCHED,             T.RUNNING,             "its worker is about to start the command"),
        (T.RUNNING,              T.DONE,                "the command succeeded"),
        (T.QUEUED,               T.ERROR_RECOVERABLE,   "its instance was withdrawn"),
        (T.INSTANTIATING,        T.ERROR_RECOVERABLE,   "its instance failed"),
        (T.LAUNCHED,             T.ERROR_RECOVERABLE,   "its instance failed"),
        (T.RUNNING,              T.ERROR_RECOVERABLE,   "its instance failed"),
        (T.ERROR_RECOVERABLE,    T.REGISTERING,         "attempts remain, or it is to start afresh"),
        (T.ERROR_RECOVERABLE,    T.ADJUSTING_RESOURCES, "attempts remain, and a resource was short"),
        (T.ERROR_RECOVERABLE,    T.ERROR_FATAL,         "no attempts remain, or the failure is for good"),
        (T.REGISTERING,          T.PAUSED,              "paused before it was queued"),
        (T.ADJUSTING_RESOURCES,  T.PAUSED,              "paused before it was queued again"),
        (T.QUEUED,               T.PAUSED,              "paused before anyone claimed its instance"),
        (T.PAUSED,               T.REGISTERING,         "played"),
        *((was, T.STOPPED, "stopped") for was in T if was not in {
            T.ERROR_RECOVERABLE, T.DONE, T.ERROR_FATAL, T.STOPPED}),
    ),
    groups={
        Group.WAITING: (T.REGISTERING, T.ADJUSTING_RESOURCES, T.PAUSED, T.QUEUED, T.INSTANTIATING, T.LAUNCHED),
        Group.RUNNING: (T.RUNNING,),
        Group.COMPLETED: (T.DONE,),
        Group.ERROR: (T.ERROR_RECOVERABLE, T.ERROR_FATAL, T.STOPPED),
    },
    operator=(
        (T.ERROR_FATAL,          T.REGISTERING,         "retried, rerun or resumed, attempts 0"),
        (T.DONE,                 T.REGISTERING,         "rerun, attempts 0"),
        (T.STOPPED,              T.REGISTERING,         "rerun, attempts 0"),
        (T.ADJUSTING_RESOURCES,  T.REGISTERING,         "rerun, attempts 0"),
    ),
)
# fmt: on

#: What an instance's news carries over to its task.
MIRRORED = {
    TI.QUEUED: T.QUEUED,
    TI.INSTANTIATED: T.INSTANTIATING,
    TI.LAUNCHED: T.LAUNCHED,
    TI.RUNNING: T.RUNNING,
    TI.DONE: T.DONE,
}

#: Where a task goes, through ERROR_RECOVERABLE, when its instance failed and attempts remain.
AFTER_FAILURE = {
    TI.ERROR: T.REGISTERING,
    TI.UNKNOWN_ERROR: T.REGISTERING,
    TI.NO_DISTRIBUTOR_ID: T.REGISTERING,
    TI.RESOURCE_ERROR: T.ADJUSTING_RESOURCES,
    TI.ERROR_FATAL: T.ERROR_FATAL,
}

#: Tasks that have a live instance of their own; what the limits count.
LIVE = frozenset(MIRRORED.values()) - TASK.terminal

#: Tasks that may be queued once their upstreams are DONE.
QUEUEABLE = TASK.sources(T.QUEUED)
