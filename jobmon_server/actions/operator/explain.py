"""One instance explained: what was decided, who holds it, what may come, what comes by itself and when."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy.engine import Connection

from jobmon_server.db.instances.explain import ExplainedInstance, read_standing, read_task_standing
from jobmon_server.fsm.explain import advice, next_by_itself, open_edges
from jobmon_server.fsm.waiting import waits_for

_HOLDER = ("worker_id", "nodename", "process_group_id", "distributor", "distributor_id", "cluster", "queue")


def explain(connection: Connection, task_instance_id: int) -> dict[str, Any]:
    """Return the explanation of one instance; it only reads. Raises `Unknown`."""
    standing = read_standing(connection, task_instance_id)
    is_current = standing.current_task_instance_id == task_instance_id
    return {
        "task_instance_id": task_instance_id,
        "status": standing.pair.task_instance,
        "status_at": standing.row["status_at"],
        "time": standing.now,
        "attempt": standing.row["attempt"],
        "holder": {name: standing.row[name] for name in _HOLDER},
        "deadline": _deadline(standing),
        "task": _task(standing, is_current=is_current),
        "edges": [asdict(one) for one in open_edges(standing.pair, is_current=is_current)],
        "next": _next(standing),
        "advice": advice(standing.pair),
        "decisions": standing.decisions,
    }


def explain_task(connection: Connection, task_id: int) -> dict[str, Any]:
    """Return what a task waits for, and which upstreams keep it; it only reads. Raises `Unknown`."""
    standing = read_task_standing(connection, task_id)
    row = standing.row
    same = ("task_id", "workflow_id", "name", "num_attempts", "max_attempts", "ready_at", "upstreams_left")
    return {
        **{name: row[name] for name in same},
        "status": row["task_status"],
        "status_at": row["status_at"],
        "time": standing.now,
        "current_task_instance_id": row["current_id"],
        "waits_for": list(waits_for(standing.waiting)),
        "upstreams": standing.upstreams,
    }


def _seconds_left(standing: ExplainedInstance) -> float | None:
    if standing.report_by is None:
        return None
    return (standing.report_by - standing.now).total_seconds()


def _deadline(standing: ExplainedInstance) -> dict[str, Any]:
    return {
        "report_by": standing.report_by,
        "seconds": _seconds_left(standing),
        "overdue": standing.pair.overdue,
    }


def _next(standing: ExplainedInstance) -> dict[str, Any]:
    return {
        **asdict(next_by_itself(standing.pair, standing.row["cluster"])),
        "at": standing.report_by,
        "seconds": _seconds_left(standing),
    }


def _task(standing: ExplainedInstance, *, is_current: bool) -> dict[str, Any]:
    pair = standing.pair
    return {
        "task_id": standing.row["task_id"],
        "workflow_id": standing.row["workflow_id"],
        "name": standing.row["name"],
        "status": pair.task,
        "num_attempts": pair.num_attempts,
        "max_attempts": pair.max_attempts,
        "num_refunds": pair.num_refunds,
        "is_current": is_current,
        "current_task_instance_id": standing.current_task_instance_id,
        "orphan": pair.orphan,
        "requeue": pair.requeue,
        "waits_for": list(waits_for(standing.waiting)),
    }
