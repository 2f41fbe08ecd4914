"""What a distributor does about an instance, by the status that the server gives it: one small function each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from jobmon_client.clusters.base import ExitInfo
from jobmon_client.states import TaskInstanceStatus as Status

if TYPE_CHECKING:
    from jobmon_client.distributor.service import Distributor

KILLED = "the cluster confirms that it is gone"
LOST = "the cluster no longer has it, and its worker said nothing of how it ended"
NEVER_SPOKE = "its deadline passed before a worker spoke, and the cluster no longer has it"


@dataclass(frozen=True, slots=True)
class Watched:
    """An instance of this cluster as the server sees it; `distributor` is the name of the one that claimed it."""

    task_instance_id: int
    status: Status
    distributor: str | None = None
    distributor_id: str | None = None

    @classmethod
    def parse(cls, body: dict[str, Any]) -> Self:
        """Make it from the wire's object."""
        return cls(
            body["task_instance_id"],
            Status[body["status"]],
            body.get("distributor"),
            body.get("distributor_id"),
        )


Step = Callable[["Distributor", Sequence[Watched]], None]


def extend(distributor: Distributor, watched: Sequence[Watched]) -> None:
    """Keep alive what the cluster has, and submit what a lost reply kept from us."""
    alive = distributor.alive(watched)
    distributor.extend([one.task_instance_id for one in watched if one.distributor_id in alive])
    distributor.resubmit(
        [
            one.task_instance_id
            for one in watched
            if one.status is Status.INSTANTIATED and distributor.owns(one) and one.distributor_id is None
        ]
    )


def kill(distributor: Distributor, watched: Sequence[Watched]) -> None:
    """Cancel; what is gone is confirmed dead."""
    distributor.cancel(watched)
    distributor.report(
        _known(one, Status.ERROR_FATAL, info.message if info else KILLED)
        for one, info in ended(distributor, watched)
    )


def triage(distributor: Distributor, watched: Sequence[Watched]) -> None:
    """Say how it ended, if the cluster knows, or that nobody does; what is alive is left to its heartbeat."""
    distributor.report(
        _known(one, info.error_state, info.message)
        if info
        else {"task_instance_id": one.task_instance_id, "report": "log_unknown_error", "error_message": LOST}
        for one, info in ended(distributor, watched)
    )


def give_up(distributor: Distributor, watched: Sequence[Watched]) -> None:
    """Take from the cluster what no worker spoke for in time; once gone, its task may be tried again."""
    distributor.cancel(watched)
    distributor.report(
        _known(one, info.error_state if info else Status.ERROR, info.message if info else NEVER_SPOKE)
        for one, info in ended(distributor, watched)
    )


def ended(distributor: Distributor, watched: Sequence[Watched]) -> Iterator[tuple[Watched, ExitInfo | None]]:
    """Yield what is over, and how if the cluster knows.

    Of another distributor's instances only those count of which the cluster knows the end: that a cluster does not
    have an id may mean no more than that the id is of another machine.
    """
    alive = distributor.alive(watched)
    for one in watched:
        if one.distributor_id in alive:
            continue
        info = distributor.exit_info(one)
        if info is not None or distributor.owns(one):
            yield one, info


def _known(one: Watched, error_state: str, message: str) -> dict[str, Any]:
    return {
        "task_instance_id": one.task_instance_id,
        "report": "log_known_error",
        "error_state": str(error_state),
        "error_message": message,
    }


KEEP_ALIVE: dict[Status, Step] = {Status.INSTANTIATED: extend, Status.LAUNCHED: extend}
ATTEND: dict[Status, Step] = {
    Status.KILL_SELF: kill,
    Status.TRIAGING: triage,
    Status.NO_HEARTBEAT: give_up,
}
