"""Instances driven into every status by the calls that really lead there, many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.support.path import ME, RUNNING, SECONDS, SOON, Path, task

#: What a worker's error and a distributor's error say besides the ids.
BROKE = {"worker_id": ME, "error_description": "it broke"}
LOST = {"error_message": "the cluster said so"}


def all_of(path: Path, ids: Iterable[int], report: str, **facts: Any) -> None:
    """Make one report for each of the instances; all must be applied."""
    ids = list(ids)
    items = [{"task_instance_id": one, "report": report, **facts} for one in ids]
    assert path.reports(*items)["applied"] == len(ids), (report, facts)


def queued(path: Path, ids: list[int]) -> None:
    """Waiting for any distributor."""


def claimed(path: Path, ids: list[int], seconds: float = SECONDS) -> None:
    """Claimed by the distributor "d"."""
    path.claim(ids, seconds)


def launched(path: Path, ids: list[int], seconds: float = SECONDS) -> None:
    """Known to the cluster."""
    claimed(path, ids)
    all_of(path, ids, "log_distributor_id", distributor_id="4711", next_report_increment=seconds)


def running(path: Path, ids: list[int], seconds: float = SECONDS) -> None:
    """Held by the worker ME."""
    launched(path, ids)
    all_of(path, ids, "log_running", worker_id=ME, **RUNNING | {"next_report_increment": seconds})


def triaging(path: Path, ids: list[int]) -> None:
    """Silent past the deadline."""
    running(path, ids, SOON)
    path.overdue(*ids)


def no_heartbeat(path: Path, ids: list[int]) -> None:
    """Launched, and no worker ever spoke."""
    launched(path, ids, SOON)
    path.overdue(*ids)


def _acts(path: Path, ids: list[int], verb: str) -> None:
    for one in ids:
        reply = path.post(f"/task/{path.instance(one)['task_id']}/{verb}").get_json()
        assert reply["outcome"] == "applied", reply


def start_afresh(path: Path) -> None:
    """End the run with all that lives, and start the next, to which it is left."""
    assert path.post(f"/workflow_run/{path.run_id}/terminate").get_json()["outcome"] == "applied"
    path.start(resume="hot")


def killed_running(path: Path, ids: list[int]) -> None:
    """Held by a worker, told to stop, to start afresh."""
    running(path, ids)
    start_afresh(path)


def killed_launched(path: Path, ids: list[int]) -> None:
    """Told to stop before any worker spoke."""
    launched(path, ids)
    start_afresh(path)


def orphaned_running(path: Path, ids: list[int]) -> None:
    """Held by a worker, its task stopped."""
    running(path, ids)
    _acts(path, ids, "stop")


def orphaned_launched(path: Path, ids: list[int]) -> None:
    """Its task stopped before any worker spoke."""
    launched(path, ids)
    _acts(path, ids, "stop")


def done(path: Path, ids: list[int]) -> None:
    """Ended well."""
    running(path, ids)
    all_of(path, ids, "log_done", worker_id=ME)


def failed(state: str) -> Callable[[Path, list[int]], None]:
    """Ended by its worker in this status."""

    def drive(path: Path, ids: list[int]) -> None:
        running(path, ids)
        all_of(path, ids, "log_error_worker_node", error_state=state, **BROKE)

    return drive


def known(state: str) -> Callable[[Path, list[int]], None]:
    """Ended by its distributor, before any worker spoke, in this status."""

    def drive(path: Path, ids: list[int]) -> None:
        launched(path, ids)
        all_of(path, ids, "log_known_error", error_state=state, **LOST)

    return drive


def given_up(path: Path, ids: list[int]) -> None:
    """Given up by the reconciler while TRIAGING."""
    triaging(path, ids)
    all_of(path, ids, "log_unknown_error", **LOST)


def given_up_by_the_reaper(path: Path, ids: list[int]) -> None:
    """Nobody asked the cluster in time."""
    triaging(path, ids)
    path.overdue(*ids)


def never_submitted(path: Path, ids: list[int]) -> None:
    """The submission failed."""
    claimed(path, ids)
    all_of(path, ids, "log_no_distributor_id", **LOST)


def claimed_in_vain(path: Path, ids: list[int]) -> None:
    """Claimed, and the distributor fell silent."""
    claimed(path, ids, SOON)
    path.overdue(*ids)


def withdrawn(path: Path, ids: list[int]) -> None:
    """Withdrawn before anyone claimed it."""
    _acts(path, ids, "pause")


#: How an instance that was just queued comes into each situation; the first word is the status it is then in.
SITUATIONS: dict[str, Callable[[Path, list[int]], None]] = {
    "QUEUED": queued,
    "INSTANTIATED": claimed,
    "LAUNCHED": launched,
    "RUNNING": running,
    "TRIAGING": triaging,
    "NO_HEARTBEAT": no_heartbeat,
    "KILL_SELF": killed_running,
    "KILL_SELF, never held": killed_launched,
    "KILL_SELF, orphan": orphaned_running,
    "KILL_SELF, orphan never held": orphaned_launched,
    "DONE": done,
    "ERROR": failed("ERROR"),
    "ERROR, by the distributor": known("ERROR"),
    "RESOURCE_ERROR": failed("RESOURCE_ERROR"),
    "UNKNOWN_ERROR": given_up,
    "UNKNOWN_ERROR, by the reaper": given_up_by_the_reaper,
    "NO_DISTRIBUTOR_ID": never_submitted,
    "NO_DISTRIBUTOR_ID, by the reaper": claimed_in_vain,
    "ERROR_FATAL": failed("ERROR_FATAL"),
    "ERROR_FATAL, withdrawn": withdrawn,
}


def into(path: Path, situation: str, number: int = 1, **facts: Any) -> list[int]:
    """Bind and queue `number` new tasks and drive their instances into a situation; their ids."""
    first = len(path.task_ids)
    names = [f"task {first + index}" for index in range(number)]
    path.add(*(task(name, priority=first + 1, **facts) for name in names))
    ids = path.queue(limit=number)
    SITUATIONS[situation](path, ids)
    status = situation.partition(",")[0]
    assert set(path.statuses(ids).values()) == {status}
    return ids
