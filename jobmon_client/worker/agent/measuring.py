"""Measures what runs, and has the server told: in reports of their own, so that the heartbeats of all stay one small call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jobmon_client.api.replies import Reply
from jobmon_client.config import Settings
from jobmon_client.states import Outcome
from jobmon_client.worker.agent.job import Job, Reports
from jobmon_client.worker.process.items import last_line
from jobmon_client.worker.process.resource_meter import ResourceMeter

Send = Callable[[Mapping[str, Any], Job, Callable[[Job, Reply], None]], None]
PREFIX = "metrics."


class Measuring:
    """Everything here runs in the agent's one thread; of one job there is one report at most that waits for its answer."""

    def __init__(
        self, settings: Settings, reports: Reports, send: Send, obey: Callable[[Reply], None]
    ) -> None:
        """Measure every `settings.metrics_interval` seconds; `obey` is given what the server says to it."""
        self._directory = settings.log_dir
        self._meter = ResourceMeter(settings.metrics_interval)
        self._reports = reports
        self._send = send
        self._obey = obey

    def begun(self, running: Mapping[int, Job]) -> None:
        """Something was started: if nothing else runs, it is measured an interval from now."""
        if len(running) == 1:
            self._meter.rest()

    def wait(self) -> float | None:
        """Return the seconds until it is time to measure what runs, None if it never is."""
        return self._meter.wait()

    def keep_time(self, running: Iterable[Job]) -> None:
        """Measure, if it is time."""
        if self._meter.wait() != 0.0:
            return
        jobs = {job.process.pid: job for job in running if job.process is not None and not job.is_measured}
        began = {pid: job.process.wall_seconds for pid, job in jobs.items() if job.process is not None}
        for pid, metrics in self._meter.measure(began, self._directory).items():
            self._tell(jobs[pid], metrics)

    def _tell(self, job: Job, metrics: dict[str, float]) -> None:
        progress = last_line(job.files.progress)
        news = progress if progress != job.progress else None
        if metrics or news:
            job.is_measured, job.progress = True, progress
            self._send(self._reports.living(job, metrics=metrics, progress=news), job, self._told)

    def _told(self, job: Job, reply: Reply) -> None:
        job.is_measured = False
        if reply.outcome is Outcome.MALFORMED:
            self._meter.refuse(refused(reply))
        else:
            self._obey(reply)


def refused(reply: Reply) -> list[str]:
    """Return the metrics that the server does not take: which it does is a setting of its own."""
    error = reply.body.get("error") or {}
    named = [str(one.get("field")) for one in error.get("details") or ()]
    return [name.removeprefix(PREFIX) for name in named if name.startswith(PREFIX)]
