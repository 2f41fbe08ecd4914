"""What distributors handed to a cluster in one piece, by their own name for it and by the cluster's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from jobmon_server.db.core import clock
from jobmon_server.db.core.rows import RowDict, fetch_rows
from jobmon_server.db.core.transaction import LostRace
from jobmon_server.db.core.types import inserted_id
from jobmon_server.db.reads.id_pages import PageRequest, RowPage, fetch_page
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.db.schema.tables_cluster import submission, submission_step

_LINE = (
    submission.c.id.label("submission_id"),
    submission.c.submission_uuid,
    submission.c.cluster,
    submission.c.distributor,
    submission.c.distributor_id,
    submission.c.created_at,
    submission.c.removed_at,
)


def by_uuid(connection: Connection, submission_uuid: str, *, lock: bool = False) -> RowDict | None:
    """Return a submission; None when there is none of this name."""
    return _one(connection, submission.c.submission_uuid == submission_uuid, lock=lock)


def by_distributor_id(connection: Connection, cluster: str, distributor_id: str) -> RowDict | None:
    """Return the newest submission that the cluster knows by this number; removed ones too."""
    known = (submission.c.cluster == cluster) & (submission.c.distributor_id == distributor_id)
    return _one(connection, known, lock=False)


def _one(connection: Connection, condition: ColumnElement[bool], *, lock: bool) -> RowDict | None:
    statement = select(*_LINE).where(condition).order_by(submission.c.id.desc()).limit(1)
    rows = fetch_rows(connection, statement.with_for_update() if lock else statement)
    return rows[0] if rows else None


def add(connection: Connection, facts: dict[str, Any], task_instance_ids: Sequence[int]) -> None:
    """Insert a submission and its steps, in the order given."""
    values = {**facts, "created_at": clock.read_clock(connection)}
    try:
        submission_id = inserted_id(connection.execute(insert(submission).values(values)))
    except IntegrityError as taken:
        raise LostRace from taken
    rows = [
        {"submission_id": submission_id, "step": step, "task_instance_id": one}
        for step, one in enumerate(task_instance_ids)
    ]
    if rows:
        connection.execute(insert(submission_step), rows)


def known(connection: Connection, task_instance_ids: Sequence[int]) -> dict[int, Any]:
    """Return `owner` and `owner_group` of those of these instances that there are, by id."""
    columns = (task_instance.c.id, task_instance.c.owner, task_instance.c.owner_group)
    rows = connection.execute(select(*columns).where(task_instance.c.id.in_(task_instance_ids)))
    return {row.id: row for row in rows}


def write(connection: Connection, submission_id: int, **values: Any) -> None:
    """Change a locked submission."""
    connection.execute(update(submission).where(submission.c.id == submission_id).values(values))


def steps(connection: Connection, submission_id: int) -> list[int]:
    """Return the instances of a submission, in the order of their steps."""
    statement = (
        select(submission_step.c.task_instance_id)
        .where(submission_step.c.submission_id == submission_id)
        .order_by(submission_step.c.step)
    )
    return list(connection.execute(statement).scalars())


def at_step(connection: Connection, submission_uuid: str, step: int) -> int | None:
    """Return the instance at a step; None when there is no such submission or step."""
    statement = (
        select(submission_step.c.task_instance_id)
        .join_from(submission, submission_step, submission_step.c.submission_id == submission.c.id)
        .where(submission.c.submission_uuid == submission_uuid, submission_step.c.step == step)
    )
    return connection.execute(statement).scalar_one_or_none()


def of_cluster(connection: Connection, cluster: str, *, page: PageRequest) -> RowPage:
    """Return a cluster's submissions that were not removed, by id."""
    statement = select(*_LINE).where(submission.c.cluster == cluster, submission.c.removed_at.is_(None))
    return fetch_page(connection, statement, "submission_id", page, submission.c.id)


def count(connection: Connection, cluster: str) -> int:
    """Return how many submissions of a cluster were not removed."""
    left = (submission.c.cluster == cluster) & submission.c.removed_at.is_(None)
    return connection.execute(select(func.count()).select_from(submission).where(left)).scalar_one()
