"""What a task at rest waits for, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jobmon_client.states import TaskStatus as T
from jobmon_server.fsm.task import LIVE, QUEUEABLE


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tasks of `what` are live, and how many may be; `most` None: any number."""

    what: str
    live: int
    most: int | None

    @property
    def is_reached(self) -> bool:
        """Whether nothing more may be queued."""
        return self.most is not None and self.live >= self.most


@dataclass(frozen=True, slots=True)
class QueueConditions:
    """All that decides whether a task can be queued; `upstreams` are some of those that are not DONE, in words.

    `living_instance_id` is the task's last instance while it still lives, `run_id` the run that may queue it.
    """

    task: T
    upstreams_left: int = 0
    upstreams: tuple[str, ...] = ()
    #: Seconds until it may be tried again; None where it waits for no delay.
    delay: float | None = None
    held: bool = False
    run_id: int | None = None
    living_instance_id: int | None = None
    limits: tuple[Limit, ...] = ()


_OPERATOR = {
    T.PAUSED: "an operator's play",
    T.ERROR_FATAL: "an operator's retry or rerun, or a resume of its workflow: it failed for good",
    T.STOPPED: "an operator's rerun: it was stopped",
}


def waits_for(facts: QueueConditions) -> tuple[str, ...]:
    """Return each thing that must happen before the task goes on; none for a task that is DONE."""
    if facts.task in LIVE:
        return (f"news of its instance {facts.living_instance_id}",)
    if facts.task in QUEUEABLE:
        return tuple(_obstacles(facts)) or (f"run {facts.run_id} to queue it, which it does by itself",)
    return (_OPERATOR[facts.task],) if facts.task in _OPERATOR else ()


def _obstacles(facts: QueueConditions) -> Iterator[str]:
    if facts.upstreams_left:
        named = f": {', '.join(facts.upstreams)}" if facts.upstreams else ""
        yield f"upstreams that are not DONE, or not settled yet ({facts.upstreams_left}){named}"
    if facts.delay is not None and facts.delay > 0:
        yield f"the end of its retry delay, in {facts.delay:.1f} s"
    if facts.living_instance_id is not None:
        yield f"the end of its instance {facts.living_instance_id}, which was told to stop"
    if facts.held:
        yield "an operator's play of its workflow: it is held"
    for limit in facts.limits:
        if limit.is_reached:
            yield f"room: {limit.live} tasks of its {limit.what} are live and {limit.most} may be"
    if facts.run_id is None:
        yield "a run of its workflow: none is alive; start or resume one"
