"""A distributor registers what it hands to a cluster in one piece, tells the cluster's number of it later, and removes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome
from jobmon_server.db.core import clock
from jobmon_server.db.instances import submissions
from jobmon_server.errors import ForeignWorkflow, Invalid, Malformed, Unknown
from jobmon_server.principal import Reach


@dataclass(frozen=True, slots=True)
class SubmissionVerdict:
    """What became of it, and how many submissions of the cluster are left that were not removed."""

    outcome: Outcome
    submission_uuid: str
    distributor_id: str | None
    remaining: int


def register(
    connection: Connection,
    submission_uuid: str,
    task_instance_ids: Sequence[int],
    reach: Reach | None = None,
    **facts: Any,
) -> SubmissionVerdict:
    """Register a submission; the same name again is a duplicate and changes nothing.

    Raises `Malformed`, or `ForeignWorkflow` for an instance that is not within the caller's `reach`.
    """
    was = submissions.by_uuid(connection, submission_uuid, lock=True)
    if was is not None:
        return _verdict(connection, Outcome.DUPLICATE, was)
    known = submissions.known(connection, task_instance_ids)
    for position, one in enumerate(task_instance_ids):
        if one not in known:
            raise Malformed.field(f"task_instance_ids.{position}", f"{one} is no task instance")
    if reach is not None and not all(reach.covers(row.owner, row.owner_group) for row in known.values()):
        raise ForeignWorkflow
    row = {"submission_uuid": submission_uuid, "distributor_id": None, **facts}
    submissions.add(connection, row, task_instance_ids)
    return _verdict(connection, Outcome.APPLIED, row)


def log_distributor_id(
    connection: Connection, submission_uuid: str, distributor_id: str
) -> SubmissionVerdict:
    """Write down the cluster's number. Raises `Unknown`, or `Invalid` where another number is known."""
    was = _lock(connection, submission_uuid)
    if was["distributor_id"] == distributor_id:
        return _verdict(connection, Outcome.DUPLICATE, was)
    if was["distributor_id"] is not None:
        raise Invalid(f"The cluster knows submission {submission_uuid} as {was['distributor_id']} already.")
    submissions.write(connection, was["submission_id"], distributor_id=distributor_id)
    return _verdict(connection, Outcome.APPLIED, {**was, "distributor_id": distributor_id})


def remove(connection: Connection, submission_uuid: str) -> SubmissionVerdict:
    """Take a submission off the list of its cluster; again: a duplicate. Raises `Unknown`."""
    was = _lock(connection, submission_uuid)
    if was["removed_at"] is not None:
        return _verdict(connection, Outcome.DUPLICATE, was)
    submissions.write(connection, was["submission_id"], removed_at=clock.read_clock(connection))
    return _verdict(connection, Outcome.APPLIED, was)


def _lock(connection: Connection, submission_uuid: str) -> dict[str, Any]:
    was = submissions.by_uuid(connection, submission_uuid, lock=True)
    if was is None:
        raise Unknown("submission", submission_uuid)
    return was


def _verdict(connection: Connection, outcome: Outcome, row: Mapping[str, Any]) -> SubmissionVerdict:
    remaining = submissions.count(connection, row["cluster"])
    return SubmissionVerdict(outcome, row["submission_uuid"], row["distributor_id"], remaining)


def read(
    connection: Connection,
    submission_uuid: str | None = None,
    cluster: str = "",
    distributor_id: str = "",
) -> dict[str, Any]:
    """Return a submission with its instances, by its own name or by the cluster's number. Raises `Unknown`."""
    if submission_uuid is not None:
        found = submissions.by_uuid(connection, submission_uuid)
    else:
        found = submissions.by_distributor_id(connection, cluster, distributor_id)
    if found is None:
        raise Unknown("submission", submission_uuid or f"{distributor_id} of cluster {cluster}")
    return {**found, "task_instance_ids": submissions.steps(connection, found["submission_id"])}


def find_step(connection: Connection, submission_uuid: str, step: int) -> int:
    """Return the instance at a step of a submission. Raises `Unknown`."""
    found = submissions.at_step(connection, submission_uuid, step)
    if found is None:
        raise Unknown("step of a submission", f"{submission_uuid}/{step}")
    return found
