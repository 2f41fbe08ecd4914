"""What workers and distributors say, encoded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jobmon_server.bench.load import Request, Script, request

HOLDER = "bench"
"""The worker_id of what runs."""
INCREMENT = 2_592_000
"""Seconds of every promise: nothing here is about deadlines."""
LONG = float(INCREMENT)
APPLIED = '"outcome":"applied"'
RUNNING = {"worker_id": HOLDER, "nodename": "node-1", "process_group_id": 4711, "next_report_increment": LONG}
DONE = {"worker_id": HOLDER, "stdout_log": "", "stderr_log": ""}


def running(task_instance_id: int) -> Request:
    """The first word of a worker."""
    return request("running", f"/task_instance/{task_instance_id}/log_running", RUNNING, wanted=APPLIED)


def done(task_instance_id: int) -> Request:
    """The last word of a worker."""
    return request("done", f"/task_instance/{task_instance_id}/log_done", DONE, wanted=APPLIED)


def lives(ids: Iterable[int]) -> list[Script]:
    """Running, then done, of each instance."""
    return [(running(one), done(one)) for one in ids]


def reports(ids: Sequence[int]) -> Script:
    """Running of all of them in one call, then done of all of them in another."""
    wanted = f'"applied":{len(ids)},'
    return [
        request(name, "/reports", {"reports": items}, wanted=wanted)
        for name, items in (
            ("running", [{"task_instance_id": one, "report": "log_running", **RUNNING} for one in ids]),
            ("done", [{"task_instance_id": one, "report": "log_done", **DONE} for one in ids]),
        )
    ]


def heartbeat(task_instance_id: int) -> Request:
    """One sign of life."""
    body = {"worker_id": HOLDER, "next_report_increment": LONG}
    return request("heartbeat", f"/task_instance/{task_instance_id}/log_report_by", body, wanted=APPLIED)


def heartbeats(ids: Iterable[int]) -> Request:
    """Signs of life of many."""
    every = list(ids)
    body: dict[str, Any] = {"task_instance_ids": every, "next_report_increment": LONG}
    return request("batch", "/task_instance/log_report_by/batch", body, wanted=f'"applied":{len(every)},')


def claim(distributor: str, cluster: str, limit: int) -> Request:
    """What a distributor asks for."""
    body = {"distributor": distributor, "cluster": cluster, "limit": limit, "next_report_increment": LONG}
    return request("claim", "/task_instance/instantiate_task_instances", body, wanted='"batches":')
