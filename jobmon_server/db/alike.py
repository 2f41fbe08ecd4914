"""One plan for many pairs: what it changes is written to all of them by one statement for each table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from jobmon_server.db.bulk import update_many
from jobmon_server.db.models import task, task_instance
from jobmon_server.db.moves import Change, note_times, write_down_for_all
from jobmon_server.db.pairs import Locked
from jobmon_server.db.standing import Standing
from jobmon_server.fsm.plan import Pair


def typical(pair: Pair, now: datetime) -> Locked:
    """Return what one plan for all is made from: a pair of which only the statuses count."""
    return Locked(
        task_instance_id=0,
        task_id=0,
        workflow_id=0,
        array_step_id=0,
        attempt=0,
        pair=pair,
        report_by=None,
        next_report_increment=None,
        distributor=None,
        is_started=False,
        now=now,
    )


def write_alike(
    connection: Connection,
    change: Change,
    members: Sequence[Standing],
    own: Mapping[int, Mapping[str, Any]] | None = None,
) -> None:
    """Write a change to many pairs that are locked and stand as its own does; `own` are columns of each, by instance.

    It brings no attributes, no measurement and no error.
    """
    pair = change.was.pair
    instance = change.instance
    update_many(
        connection,
        task_instance,
        [
            (one.id, pair.task_instance, instance if own is None else {**instance, **own[one.id]})
            for one in members
        ],
    )
    update_many(connection, task, [(one.task_id, pair.task, change.task) for one in members])
    write_down_for_all(connection, change, [one.id for one in members])
    for status_at, times in Counter(one.status_at for one in members).items():
        note_times(connection, replace(change, was=replace(change.was, status_at=status_at)), times)
