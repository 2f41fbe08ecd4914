"""Changes that make a task adjust its resources carry what it asks for next, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Connection

from jobmon_client.states import TaskStatus
from jobmon_server.db.instances.scaling import Maxima, read_maxima, read_scales
from jobmon_server.db.instances.writes import Change
from jobmon_server.fsm.resources import originals, place, scale


def with_resources(connection: Connection, changes: Sequence[Change]) -> list[Change]:
    """Return the changes, those that lead to ADJUSTING_RESOURCES with what is asked for next; two statements if any do."""
    short = [change.was.task_id for change in changes if _is_short(change)]
    if not short:
        return list(changes)
    asked = read_scales(connection, short)
    maxima = read_maxima(connection, {one.cluster for one in asked.values()})
    return [
        replace(change, task=change.task | _scaled(change, asked[change.was.task_id], maxima))
        if _is_short(change)
        else change
        for change in changes
    ]


def _is_short(change: Change) -> bool:
    return change.task.get("status") is TaskStatus.ADJUSTING_RESOURCES


def _scaled(change: Change, asked: Any, maxima: Maxima) -> dict[str, Any]:
    if not asked.resource_scales:
        return {}
    scales = asked.resource_scales
    if change.resource is not None:
        scales = {name: by for name, by in scales.items() if name == change.resource}
    wanted = scale(asked.requested_resources, scales, change.plan.num_attempts)
    queues = [asked.queue, *(asked.fallback_queues or ())]
    known = {queue: maxima[asked.cluster, queue] for queue in queues if (asked.cluster, queue) in maxima}
    queue, granted = place(wanted, queues, known)
    was = {"requested_resources": asked.requested_resources, "queue": asked.queue}
    now = {"requested_resources": granted, "queue": queue}
    return {**now, "bound_as": originals(asked.bound_as, was, now)}
