"""What a distributor does about an instance, by the status that the server gives it: one small function each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, Self

from jobmon_client.clusters.base import ExitInfo
from jobmon_client.errors import ClusterError
from jobmon_client.states import FailureKind
from jobmon_client.states import TaskInstanceStatus as Status

KILLED = "the cluster confirms that it is gone"
LOST = "the cluster no longer has it, and its worker said nothing of how it ended"
NEVER_SPOKE = "its deadline passed before a worker spoke, and the cluster no longer has it"


@dataclass(frozen=True, slots=True)
class Watched:
    """An instance of this cluster as the server sees it; `distributor` is the name of the one that claimed it.

    Times are the database's; `now` is when they were read. `contact_until` is null where a worker that is out of touch goes on.
    """

    task_instance_id: int
    status: Status
    distributor: str | None = None
    distributor_id: str | None = None
    report_by: str | None = None
    status_at: str | None = None
    next_report_increment: float | None = None
    contact_until: str | None = None
    now: str | None = None

    @property
    def seconds(self) -> float:
        """For how long it has had its status."""
        return between(self.status_at, self.now)

    @property
    def is_running_out(self) -> bool:
        """Whether its deadline is nearer than two thirds of what it was given last."""
        return between(self.now, self.report_by) < 2 * (self.next_report_increment or 0.0) / 3

    @property
    def is_in_contact(self) -> bool:
        """Whether its worker alone may end it yet."""
        return self.contact_until is not None and between(self.now, self.contact_until) > 0

    @classmethod
    def parse(cls, body: dict[str, Any], now: str | None = None) -> Self:
        """Make it from the wire's object."""
        return cls(
            body["task_instance_id"],
            Status[body["status"]],
            body.get("distributor"),
            body.get("distributor_id"),
            body.get("report_by"),
            body.get("status_at"),
            body.get("next_report_increment"),
            body.get("contact_until"),
            now,
        )


def between(earlier: str | None, later: str | None) -> float:
    """Return the seconds between two times of the wire; 0 where one is not known."""
    if earlier is None or later is None:
        return 0.0
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


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

    def hold(self, watched: Iterable[Watched]) -> None:
        """Have the server put their deadlines off."""

    @property
    def lost_contact_limit(self) -> float:
        """Seconds after which what is out of touch is ended though it may go on."""

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
        _known(one, Status.ERROR_FATAL, info.message if info else KILLED, info)
        for one, info in ended(desk, watched)
    )


def triage(desk: StepContext, watched: Sequence[Watched]) -> None:
    """Say how it ended, if the cluster knows, or that nobody does; what is alive is left to its heartbeat for a while."""
    alive = desk.alive(watched)
    over = list(ended(desk, watched, alive))
    desk.report(
        _known(one, info.error_state, info.message, info)
        if info
        else {"task_instance_id": one.task_instance_id, "report": "log_unknown_error", "error_message": LOST}
        for one, info in over
    )
    _keep_or_cancel(desk, [one for one in watched if one.distributor_id in alive])


def _keep_or_cancel(desk: StepContext, active: Sequence[Watched]) -> None:
    """From half of its deadline on, end what must not run out of touch, and keep what may, up to a limit."""
    silent = [one for one in active if one.seconds >= (one.next_report_increment or 0.0) / 2]
    kept = [one for one in silent if one.contact_until is None and one.seconds < desk.lost_contact_limit]
    desk.hold([one for one in kept if one.is_running_out])
    desk.cancel([one for one in silent if one not in kept])


def give_up(desk: StepContext, watched: Sequence[Watched]) -> None:
    """Take from the cluster what no worker spoke for in time; once gone, its task may be tried again."""
    desk.cancel(watched)
    desk.report(
        _known(one, info.error_state if info else Status.ERROR, info.message if info else NEVER_SPOKE, info)
        for one, info in ended(desk, watched)
    )


def ended(
    desk: StepContext, watched: Sequence[Watched], alive: Collection[str | None] | None = None
) -> Iterator[tuple[Watched, ExitInfo | None]]:
    """Yield what is over, and how if the cluster knows; `alive` is what it has, if that was asked already.

    Of another distributor's instances only those count of which the cluster knows the end: that a cluster does not
    have an id may mean no more than that the id is of another machine. What its worker alone may end yet waits, unless the
    cluster can prove that nothing of it runs.
    """
    active = desk.alive(watched) if alive is None else alive
    for one in watched:
        if one.distributor_id in active:
            continue
        try:
            info = desk.exit_info(one)
        except ClusterError as error:
            desk.trouble(one, str(error))
            continue
        is_proven = info is not None and info.proof is not None
        if (info is not None or desk.owns(one)) and (is_proven or not one.is_in_contact):
            yield one, info


def _known(one: Watched, error_state: str, message: str, info: ExitInfo | None) -> dict[str, Any]:
    proof = _proof(info)
    return {
        "task_instance_id": one.task_instance_id,
        "report": "log_known_error",
        "error_state": str(error_state),
        "error_message": message,
        **proof,
    }


def report_lost(desk: StepContext, lost: Mapping[int, ExitInfo]) -> None:
    """Say how attempts ended that the cluster lost, by their instance; nothing of them runs any more."""
    desk.report(
        {
            "task_instance_id": one,
            "report": "log_known_error",
            "error_state": str(info.error_state),
            "error_message": info.message,
            # The cluster lost it, through no fault of the task's: the attempt is given back.
            "kind": FailureKind.INFRASTRUCTURE.value,
            **_proof(info),
        }
        for one, info in lost.items()
    )


def _proof(info: ExitInfo | None) -> dict[str, str]:
    return {} if info is None or info.proof is None else {"proof": info.proof.value}


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
#: What may be kept as it is while the cluster cannot be asked.
HELD = (Status.INSTANTIATED, Status.LAUNCHED, Status.TRIAGING, Status.NO_HEARTBEAT)
#: Where a step failed too often; all others are left to the server's deadlines.
WHEN_GIVEN_UP: dict[Step, GivenUp] = {triage: report_unknown}
