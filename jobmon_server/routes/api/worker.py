"""What workers ask and say."""

from __future__ import annotations

from typing import Any

from flask import Response

from jobmon_server.db.reads import lookups
from jobmon_server.routes.http.endpoint import blueprint, get, post, read, reply, report
from jobmon_server.routes.schemas import requests
from jobmon_server.routes.schemas.replies import FoundInstance, ReportReply, RunningReply, verdict_reply

worker = blueprint("worker", "Worker nodes: running, heartbeat, done, error.")


@post(
    worker,
    "/task_instance/<id:task_instance_id>/log_running",
    body=requests.Running,
    reply=RunningReply,
    holds=False,
)
def log_running(task_instance_id: int, **facts: Any) -> Response:
    """Ask leave to start the command; only `applied` or `duplicate` with status RUNNING gives it."""
    return verdict_reply(report(task_instance_id, "log_running", facts))


@post(
    worker,
    "/task_instance/<id:task_instance_id>/log_report_by",
    body=requests.Heartbeat,
    reply=ReportReply,
    holds=False,
)
def log_report_by(task_instance_id: int, **facts: Any) -> Response:
    """Say that the command lives; a status other than RUNNING says that it must stop."""
    return verdict_reply(report(task_instance_id, "log_report_by", facts))


@post(
    worker,
    "/task_instance/<id:task_instance_id>/log_done",
    body=requests.Done,
    reply=ReportReply,
    holds=False,
)
def log_done(task_instance_id: int, **facts: Any) -> Response:
    """Say that the command succeeded."""
    return verdict_reply(report(task_instance_id, "log_done", facts))


@post(
    worker,
    "/task_instance/<id:task_instance_id>/log_error_worker_node",
    body=requests.WorkerError,
    reply=ReportReply,
    holds=False,
)
def log_error_worker_node(task_instance_id: int, **facts: Any) -> Response:
    """Say that the command failed, or that it was killed as told (ERROR_FATAL)."""
    return verdict_reply(report(task_instance_id, "log_error_worker_node", facts))


@get(
    worker,
    "/get_array_task_instance_id/<id:array_id>/<id:batch_num>/<index:array_step_id>",
    reply=FoundInstance,
)
def get_array_task_instance_id(array_id: int, batch_num: int, array_step_id: int) -> Response:
    """Find the instance of an array worker by its place."""
    found = read(lookups.find_array_task_instance, array_id, batch_num, array_step_id)
    return reply({"task_instance_id": found})
