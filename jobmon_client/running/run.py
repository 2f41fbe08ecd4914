"""Running a workflow: bind it, own a run of it, queue what becomes ready, and follow it to its end."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from jobmon_client.api.client import Api
from jobmon_client.config import Settings
from jobmon_client.errors import JobmonError, Refused, Unreachable
from jobmon_client.loop import run_every
from jobmon_client.running.binding import bind, clusters_of
from jobmon_client.running.connection import LOCAL, Connection, connected
from jobmon_client.running.interrupts import Interrupts
from jobmon_client.running.owner_process import dead_run, this_process
from jobmon_client.running.result import Result, TaskError, read_errors
from jobmon_client.running.services import RunServices
from jobmon_client.spec.definition import WorkflowDefinition, checked
from jobmon_client.states import LIVE_TASKS, WORKFLOW_OVER, TaskStatus, WorkflowRunStatus, WorkflowStatus

log = structlog.get_logger(__name__)

QUEUE_LIMIT = 5_000
QUEUE_PERIOD = 1.0
QUEUE_PAUSE = 0.02
IDLE_SHARE = 3.0
"""Between two calls are so many seconds at least, and after one that found nothing ready so many times as long as it took."""
PROGRESS_PERIOD = 0.25
CONFIRM_TIMEOUT = 10.0
COLD, HOT = "cold", "hot"

OnProgress = Callable[[Mapping[str, Any]], None]


def run(
    definition: WorkflowDefinition,
    settings: Settings,
    *,
    cluster: str | None = None,
    on_progress: OnProgress = lambda _state: None,
    interrupts: Interrupts | None = None,
) -> Result:
    """Connect, bind the workflow and run it to its end; `cluster` overrides what the tasks name. Raise a JobmonError."""
    definition = checked(definition.on_cluster(cluster) if cluster else definition)
    with (
        interrupts or Interrupts() as asked,
        connected(settings, keep=True, stop=asked.first, clusters=definition.clusters(LOCAL)) as connection,
    ):
        return run_on(connection, definition, asked, on_progress)


def resume(
    workflow_id: int,
    settings: Settings,
    *,
    hot: bool = False,
    cluster: str | None = None,
    on_progress: OnProgress = lambda _state: None,
) -> Result:
    """Connect and run what is left of a workflow to its end, as `resume_on` does. Raise a JobmonError."""
    with Interrupts() as interrupts, connected(settings, keep=True, stop=interrupts.first) as connection:
        return resume_on(connection, workflow_id, interrupts, on_progress, cluster, hot=hot)


def run_on(
    connection: Connection, definition: WorkflowDefinition, interrupts: Interrupts, on_progress: OnProgress
) -> Result:
    """Bind the workflow and run it to its end."""
    execution = Execution(connection, definition.clusters(LOCAL), on_progress, interrupts)
    return execution.run(bind(connection.api, definition))


def resume_on(
    connection: Connection,
    workflow_id: int,
    interrupts: Interrupts,
    on_progress: OnProgress,
    cluster: str | None = None,
    *,
    hot: bool = False,
) -> Result:
    """Run what is left of a workflow whose run has ended, what failed is tried again with all its attempts.

    What still lives is killed first, with `hot` it finishes and counts. Without `cluster`: for those that its tasks name.
    """
    clusters = [cluster] if cluster else clusters_of(connection.api, workflow_id)
    execution = Execution(connection, clusters, on_progress, interrupts)
    return execution.run(workflow_id, resume=HOT if hot else COLD)


class Execution:
    """One run of one workflow, driven by the calling thread."""

    def __init__(
        self,
        connection: Connection,
        clusters: Sequence[str],
        on_progress: OnProgress,
        interrupts: Interrupts,
    ) -> None:
        """Make ready; raise UnknownCluster."""
        self._connection = connection
        self._workflow_id = 0
        self._on_progress = on_progress
        self._interrupts = interrupts
        self._changed = threading.Event()
        self._began = time.monotonic()
        self._progress_at = 0.0
        self._run_id = 0
        self._over = threading.Event()
        self._increment = connection.settings.run_increment
        # A server that is lost in the middle is waited for: commands live on, and their results with them.
        self._api = connection.another(budget=None, stop=interrupts.first)
        self._crew = RunServices(
            connection.settings,
            clusters,
            on_change=self._changed.set,
            users_file=connection.users_file,
            spare=connection.spare,
        )

    def run(self, workflow_id: int, *, resume: str | None = None) -> Result:
        """Start the run and follow it to its end."""
        self._workflow_id = workflow_id
        self._interrupts.call(self._noticed)
        self._start(resume)
        heart = threading.Thread(
            target=run_every,
            args=(self._connection.settings.run_heartbeat_interval, self._beat, self._over),
            name="run heartbeat",
            daemon=True,
        )
        try:
            self._crew.start(workflow_id)
            heart.start()
            self._follow()
        except BaseException:
            self._end("the run's owner failed")
            raise
        finally:
            self._over.set()
        return self._end("interrupted" if self._interrupts.first.is_set() else None)

    def _start(self, resume: str | None) -> None:
        try:
            self._run_id = self._started(resume)
        except Refused:
            dead = None if resume is None else dead_run(self._connection.api, self._workflow_id)
            if dead is None:
                raise
            log.info("run_taken_over", workflow_run_id=dead)
            self._run_id = self._started(resume, dead)

    def _started(self, resume: str | None, takes_over: int | None = None) -> int:
        reply = self._connection.api.start_run(
            self._workflow_id,
            next_report_increment=self._increment,
            resume=resume,
            request_id=str(uuid.uuid4()),
            process=this_process(),
            takes_over=takes_over,
        )
        return int(reply.body["workflow_run_id"])

    def _has_ended(self, refused: Refused) -> bool:
        """Tell whether the run is over; where the server only took us for dead, adopt what lives and go on."""
        state = self._api.workflow(self._workflow_id)
        if refused.found_status != WorkflowRunStatus.ERROR or state["status"] != WorkflowStatus.HALTED:
            return True
        try:
            self._start(HOT)
        except Refused:  # somebody else has resumed it meanwhile
            return True
        log.warning("run_started_again", workflow_run_id=self._run_id)
        return False

    def _noticed(self) -> None:
        """Called at each signal, in another thread."""
        self._changed.set()
        if self._interrupts.second.is_set():
            self._crew.kill()

    def _beat(self) -> None:
        try:
            reply = self._connection.api.run_heartbeat(self._run_id, next_report_increment=self._increment)
        except Unreachable as error:
            log.warning("run_heartbeat_failed", error=str(error))
            return
        if reply.outcome is not None and reply.outcome in {"invalid", "unknown"}:
            self._changed.set()

    def _follow(self) -> None:
        try:
            self._drive()
        except Unreachable:
            if not self._interrupts.first.is_set():
                raise

    def _drive(self) -> None:
        """Queue what becomes ready, until the run has ended or a signal came."""
        while not self._interrupts.first.is_set():
            self._changed.clear()
            began = time.monotonic()
            try:
                batches = self._api.queue_tasks(self._run_id, limit=QUEUE_LIMIT)
            except Refused as refused:
                if self._has_ended(refused):
                    return
                continue
            queued = sum(len(batch["task_instance_ids"]) for batch in batches)
            if queued:
                self._crew.wake()
            pause = max(QUEUE_PAUSE, 0.0 if queued else IDLE_SHARE * (time.monotonic() - began))
            if self._is_over():
                return
            if queued < QUEUE_LIMIT and not self._interrupts.first.wait(pause):
                self._changed.wait(QUEUE_PERIOD)

    def _is_over(self) -> bool:
        if time.monotonic() < self._progress_at:
            return False
        self._progress_at = time.monotonic() + PROGRESS_PERIOD
        state = self._api.workflow(self._workflow_id)
        self._on_progress(state)
        return state["status"] in WORKFLOW_OVER

    def _end(self, reason: str | None) -> Result:
        """Let go of everything, having ended the run if there is a reason to, and say how things stand."""
        interrupted = self._interrupts.first.is_set()
        try:
            if reason:
                self._terminate(reason)
        finally:
            self._crew.stop()
        errors: tuple[TaskError, ...] = ()
        try:
            state = self._patient().workflow(self._workflow_id)
            self._on_progress(state)
            seconds = time.monotonic() - self._began
            if state["tasks"].get(TaskStatus.ERROR_FATAL):
                errors = read_errors(self._patient(), self._workflow_id)
        except Unreachable:
            if reason is None:
                raise
            state, seconds = {"status": "UNREACHABLE", "tasks": {}}, time.monotonic() - self._began
        return Result(
            self._workflow_id, state["status"], dict(state["tasks"]), round(seconds, 3), interrupted, errors
        )

    def _patient(self) -> Api:
        return self._connection.another(budget=CONFIRM_TIMEOUT, stop=self._interrupts.second)

    def _terminate(self, reason: str) -> None:
        """End the run, then all commands, and wait until the server knows that they are dead; all bounded."""
        try:
            self._patient().terminate(self._run_id, reason=reason)
        except JobmonError as error:
            log.warning("terminate_failed", error=str(error))
        if self._interrupts.second.is_set():
            self._crew.kill()
            return
        self._crew.end_commands()
        api = self._patient()
        deadline = time.monotonic() + CONFIRM_TIMEOUT
        try:
            while time.monotonic() < deadline and not self._interrupts.second.is_set():
                if not any(api.workflow(self._workflow_id)["tasks"].get(status) for status in LIVE_TASKS):
                    return
                self._interrupts.second.wait(0.05)
        except JobmonError as error:
            log.warning("confirmation_failed", error=str(error))
