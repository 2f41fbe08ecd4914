"""What a distributor does about an instance, by the status that the server gives it: one small function each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from jobmon_client.clusters.base import ExitInfo
from jobmon_client.errors import ClusterError
from jobmon_client.states import TaskInstanceStatus as Status

KILLED = "the cluster confirms that it is gone"
LOST = "the cluster no longer has it, and its worker said nothing of how it ended"
#: What a report of a lost attempt adds; `{"kind": "infrastructure"}` gives the attempt back, where the server takes it.
LOST_KIND: Mapping[str, str] = {}
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


class StepContext(Protocol):
    """What a step works with: the cluster's verbs, which raise ClusterError, and the server's."""

    def owns(self, watched: Watched) -> bool:
        """Whether this very distributor claimed it."""

    def alive(self, watched: Iterable[Watched]) -> set[str | None]:
        """Return which of their distributor ids the cluster has."""

    def exit_info(self, watched: Watched) -> ExitInfo | None:
        """Return what the cluster knows of its end."""

    def trouble(self, watched: Watched, reason: str) -> None:
        """This one's step failed; the others' did not."""

    def cancel(self, watched: Iterable[Watched]) -> None:
        """Ask the cluster to end them."""

    def extend(self, ids: Sequence[int]) -> None:
        """Promise the server to speak of them again."""

    def resubmit(self, ids: Sequence[int]) -> None:
        """Submit those of what this distributor holds that it never submitted."""

    def report(self, reports: Iterable[Mapping[str, Any]]) -> None:
        """Tell the server."""


class Step(Protocol):
    """What is done about some instances of one status."""

    __name__: str

    def __call__(self, desk: StepContext, watched: Sequence[Watched], /) -> None:
        """Do it."""


class GivenUp(Protocol):
    """What is done about some for which a step failed too often, and why it failed."""

    def __call__(self, desk: StepContext, watched: Sequence[Watched], reason: str, /) -> None:
        """Do it."""


def extend(desk: StepContext, watched: Sequence[Watched]) -> None:
    """Keep alive what the cluster has, and submit what a lost reply kept from us."""
    # First: it does not need the cluster's answer.
    desk.resubmit(
        [
            one.task_instance_id
            for one in watched
            if one.status is Status.INSTANTIATED and desk.owns(one) and one.distributor_id is None
        ]
    )
    alive = desk.alive(watched)
    desk.extend([one.task_instance_id for one in watched if one.distributor_id in alive])


def kill(desk: StepContext, watched: Sequence[Watched]) -> None:
    """Cancel; what is gone is confirmed dead."""
    desk.cancel(watched)
    desk.report(
        _known(one, Status.ERROR_FATAL, info.message if info else KILLED)
        for one, info in ended(desk, watched)
    )


def triage(desk: StepContext, watched: Sequence[Watched]) -> None:
    """Say how it ended, if the cluster knows, or that nobody does; what is alive is left to its heartbeat."""
    desk.report(
        _known(one, info.error_state, info.message)
        if info
        else {"task_instance_id": one.task_instance_id, "report": "log_unknown_error", "error_message": LOST}
        for one, info in ended(desk, watched)
    )


def give_up(desk: StepContext, watched: Sequence[Watched]) -> None:
    """Take from the cluster what no worker spoke for in time; once gone, its task may be tried again."""
    desk.cancel(watched)
    desk.report(
        _known(one, info.error_state if info else Status.ERROR, info.message if info else NEVER_SPOKE)
        for one, info in ended(desk, watched)
    )


def ended(desk: StepContext, watched: Sequence[Watched]) -> Iterator[tuple[Watched, ExitInfo | None]]:
    """Yield what is over, and how if the cluster knows.

    Of another distributor's instances only those count of which the cluster knows the end: that a cluster does not
    have an id may mean no more than that the id is of another machine.
    """
    alive = desk.alive(watched)
    for one in watched:
        if one.distributor_id in alive:
            continue
        try:
            info = desk.exit_info(one)
        except ClusterError as error:
            desk.trouble(one, str(error))
            continue
        if info is not None or desk.owns(one):
            yield one, info


def _known(one: Watched, error_state: str, message: str) -> dict[str, Any]:
    return {
        "task_instance_id": one.task_instance_id,
        "report": "log_known_error",
        "error_state": str(error_state),
        "error_message": message,
    }


def report_lost(desk: StepContext, lost: Mapping[int, ExitInfo]) -> None:
    """Say how attempts ended that the cluster lost, by their instance; nothing of them runs any more."""
    desk.report(
        {
            "task_instance_id": one,
            "report": "log_known_error",
            "error_state": str(info.error_state),
            "error_message": info.message,
            **LOST_KIND,
        }
        for one, info in lost.items()
    )


def report_unknown(desk: StepContext, watched: Sequence[Watched], reason: str) -> None:
    """Of these nobody can say how they ended: the cluster did not answer, again and again."""
    desk.report(
        {"task_instance_id": one.task_instance_id, "report": "log_unknown_error", "error_message": reason}
        for one in watched
    )


KEEP_ALIVE: dict[Status, Step] = {Status.INSTANTIATED: extend, Status.LAUNCHED: extend}
ATTEND: dict[Status, Step] = {
    Status.KILL_SELF: kill,
    Status.TRIAGING: triage,
    Status.NO_HEARTBEAT: give_up,
}
#: Where a step failed too often; all others are left to the server's deadlines.
WHEN_GIVEN_UP: dict[Step, GivenUp] = {triage: report_unknown}
