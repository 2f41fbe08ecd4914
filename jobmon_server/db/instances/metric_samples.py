"""The history of what workers measure: numbers by name, the last so many samples of each instance.

Sample n of an instance is in slot n modulo their number, so that a new one takes the place of the oldest; all values of one
heartbeat have the same instant of the database.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.engine import Connection

from jobmon_server.db.core.rows import RowDict, fetch_rows
from jobmon_server.db.reads.lookups import known
from jobmon_server.db.schema.tables_control import metric_sample


@dataclass(frozen=True, slots=True)
class Sample:
    """What one heartbeat measured, and how many samples of an instance are kept."""

    values: dict[str, float]
    kept: int

    def slot(self, number: int) -> int:
        """Return the place of an instance's sample of this number, from 0."""
        return number % self.kept


def read_samples(
    connection: Connection, task_instance_id: int, *, limit: int, name: str | None = None
) -> list[RowDict]:
    """Return an instance's last `limit` values, of one name if it is given, oldest first. Raises `Unknown`."""
    statement = (
        select(metric_sample.c.name, metric_sample.c.time, metric_sample.c.value)
        .where(metric_sample.c.task_instance_id == task_instance_id)
        .order_by(metric_sample.c.time.desc(), metric_sample.c.slot.desc(), metric_sample.c.name.desc())
        .limit(limit)
    )
    if name is not None:
        statement = statement.where(metric_sample.c.name == name)
    return known(connection, fetch_rows(connection, statement)[::-1], task_instance_id)
