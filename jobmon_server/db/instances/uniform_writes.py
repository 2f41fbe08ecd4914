"""One plan for many pairs: what it changes is written to all of them by one statement for each table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Update, bindparam, update
from sqlalchemy.engine import Connection

from jobmon_server.db.core.case_by_id import case_by_id
from jobmon_server.db.core.guarded_update import update_many, with_ids
from jobmon_server.db.core.transaction import LostRace
from jobmon_server.db.instances.lock_by_status import LockedInstance, LockedQueued
from jobmon_server.db.instances.locking import Locked
from jobmon_server.db.instances.writes import Change, note_times, write_down_for_all
from jobmon_server.db.schema.tables import task, task_instance
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
    members: Sequence[LockedInstance] | Sequence[LockedQueued],
    own: tuple[str, Mapping[int, str]] | None = None,
) -> None:
    """Write a change to many pairs that are locked and stand as its own does.

    `own` names a column and what each instance gets there, by id, whatever the change says of it. The change brings no
    attributes, no measurement and no error.
    """
    pair = change.was.pair
    ids = [one.id for one in members]
    if own is None:
        update_many(connection, task_instance, [(one, pair.task_instance, change.instance) for one in ids])
    else:
        _update_with_own(connection, change, ids, *own)
    update_many(connection, task, [(one.task_id, pair.task, change.task) for one in members])
    write_down_for_all(connection, change, ids)
    for status_at, times in Counter(one.status_at for one in members).items():
        note_times(connection, replace(change, was=replace(change.was, status_at=status_at)), times)


def _update_with_own(
    connection: Connection, change: Change, ids: Sequence[int], column: str, texts: Mapping[int, str]
) -> None:
    alike = {name: value for name, value in change.instance.items() if name != column}
    facts = {f"new_{name}": value for name, value in alike.items()}
    facts |= {"ids": ids, "was": change.was.pair.task_instance, "own": {one: texts[one] for one in ids}}
    if connection.execute(_with_own(column, tuple(alike)), facts).rowcount != len(ids):
        raise LostRace


@lru_cache
def _with_own(column: str, alike: tuple[str, ...]) -> Update:
    table = task_instance
    new = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in alike}
    old = bindparam("was", type_=table.c.status.type)
    return (
        update(table).where(with_ids(table), table.c.status == old).values({**new, column: case_by_id("own")})
    )
