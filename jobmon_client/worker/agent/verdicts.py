"""What the end of a job's command means: its exit, its result, and what the machine did meanwhile."""

from __future__ import annotations

from jobmon_client.states import TaskInstanceStatus
from jobmon_client.worker.agent.job import Job
from jobmon_client.worker.process.command_process import oom_kills
from jobmon_client.worker.process.exit_status import ExitStatus, judge
from jobmon_client.worker.process.items import tail


class Verdicts:
    """Runs in the agent's one thread."""

    def __init__(self) -> None:
        """Count from now what the machine kills for want of memory."""
        self._oom_kills = oom_kills()

    def of(self, job: Job) -> ExitStatus:
        """Judge a command that ended by itself, and take in its result."""
        if job.ended is None:
            raise RuntimeError(f"task instance {job.id} has not ended")
        if job.ended.exit_code == 0:
            if (problem := job.read_result()) is not None:
                return ExitStatus(TaskInstanceStatus.ERROR, f"the command succeeded, but {problem}")
            return ExitStatus(TaskInstanceStatus.DONE)
        before, self._oom_kills = self._oom_kills, oom_kills()
        return judge(job.ended, out_of_memory=self._oom_kills > before, stderr=tail(job.files.stderr))
