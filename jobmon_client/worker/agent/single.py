"""One instance, for a cluster that starts a worker per job: the same agent, given one item."""

from __future__ import annotations

import threading
from pathlib import Path

from jobmon_client.access.credentials import Credentials
from jobmon_client.api.client import Api
from jobmon_client.config import Settings
from jobmon_client.http import Http
from jobmon_client.worker.agent.agent import Agent
from jobmon_client.worker.agent.changes import Change
from jobmon_client.worker.agent.job import Job
from jobmon_client.worker.process.items import WorkItem, merged_environment
from jobmon_client.worker.process.subreaper import Subreaper, adopt

TICK = 0.2
"""Seconds between two looks whether a signal came."""
DONE, FAILED, TOLD_TO_STOP = 0, 1, 3


def make_item(api: Api, task_instance_id: int, distributor_id: str | None) -> WorkItem:
    """Ask the server what there is to run."""
    instance = api.task_instance(task_instance_id)
    task = api.task(instance["task_id"])
    has_environment = task.get("environment") is not None
    of_workflow = api.workflow(instance["workflow_id"])["environment"] if has_environment else None
    return WorkItem(
        task_instance_id=task_instance_id,
        name=task["name"],
        command=task["command"],
        task_id=instance["task_id"],
        workflow_id=instance["workflow_id"],
        workflow_run_id=instance.get("workflow_run_id"),
        distributor_id=distributor_id,
        working_directory=task.get("working_directory"),
        environment=merged_environment(of_workflow, task.get("environment")),
        attempt=instance.get("attempt"),
    )


def run_one(
    settings: Settings,
    task_instance_id: int,
    *,
    distributor_id: str | None,
    spool_dir: Path | None,
    stop: threading.Event,
) -> int:
    """Run it to its end and return the exit code: 0 done, 1 the command failed, 3 not started or told to stop."""
    over: list[Job] = []

    def changed(change: Change) -> None:
        over.extend(change.ended)

    api = Api(Http(settings.server_url or "", budget=None, stop=stop, credentials=Credentials.of(settings)))
    item = make_item(api, task_instance_id, distributor_id)
    api.close()
    subreaper = adopt()
    agent = Agent(settings, changed=changed, spool_dir=spool_dir, subreaper=subreaper)
    agent.start()
    agent.submit([item])
    agent.finish()
    attend(agent, subreaper, stop)
    return exit_code(over[0]) if over else FAILED


def attend(agent: Agent, subreaper: Subreaper | None, stop: threading.Event) -> None:
    """Wait in the main thread until the agent has ended; have it stop once `stop` is set."""
    while not agent.wait(0 if subreaper is not None else TICK):
        if subreaper is not None:
            subreaper.serve(TICK)
        if stop.is_set():
            agent.stop()


def exit_code(job: Job) -> int:
    """Return what the worker of this job exits with."""
    if job.order is not None or job.ended is None:
        return TOLD_TO_STOP
    return DONE if job.ended.exit_code == 0 else FAILED
