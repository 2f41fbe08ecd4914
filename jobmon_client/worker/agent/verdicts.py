"""What is reported of a command that ended by itself."""

from __future__ import annotations

from jobmon_client.states import TaskInstanceStatus
from jobmon_client.worker.agent.job import Job
from jobmon_client.worker.process.command_process import oom_kills
from jobmon_client.worker.process.exit_status import ExitStatus, judge
from jobmon_client.worker.process.items import tail


class Verdicts:
    """Judges the ends of one agent's commands; keeps count of what the machine killed for want of memory."""

    def __init__(self) -> None:
        """Begin to count."""
        self._oom_kills = oom_kills()

    def of(self, job: Job) -> ExitStatus:
        """Return what its exit means; takes in its result."""
        if job.ended is None:
            raise RuntimeError(f"task instance {job.id} has not ended")
        if job.ended.exit_code == 0:
            if (problem := job.read_result()) is not None:
                return ExitStatus(TaskInstanceStatus.ERROR, f"the command succeeded, but {problem}")
            return ExitStatus(TaskInstanceStatus.DONE)
        before, self._oom_kills = self._oom_kills, oom_kills()
        return judge(job.ended, out_of_memory=self._oom_kills > before, stderr=tail(job.files.stderr))
