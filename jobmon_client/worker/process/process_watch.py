"""Sees to it that no command outlives its worker: a guardian for the moment, the disk for later."""

from __future__ import annotations

from pathlib import Path

import structlog

from jobmon_client.worker.process.guardian import Guardian
from jobmon_client.worker.process.orphans import end_attempts
from jobmon_client.worker.process.process_groups import Groups, sweep

log = structlog.get_logger(__name__)


class ProcessWatch:
    """Is told of each command's process group; its methods may be called from one thread only."""

    def __init__(self, directory: Path | None, worker_id: str, log_dir: Path) -> None:
        """Kill what workers that are gone left running; with a directory, write there what this one runs.

        The files of all commands are below `log_dir`.
        """
        self._groups = None
        if directory is not None:
            try:
                if killed := sweep(directory, lambda left: end_attempts(log_dir, left)):
                    log.warning("left_behind_killed", count=killed)
                self._groups = Groups(directory, worker_id)
            except OSError:  # the directory cannot be written: the guardian is left
                log.exception("groups_not_kept", directory=str(directory))
        self._guardian = Guardian(log_dir)

    @property
    def pids(self) -> set[int]:
        """The processes that watch: children of ours that belong to no command."""
        return {self._guardian.pid} if self._guardian.pid is not None else set()

    def started(self, pid: int, task_instance_id: int) -> None:
        """The leader of a group was started for this instance and is not collected."""
        self._guardian.watch(pid, task_instance_id)
        if self._groups is not None:
            self._groups.started(pid, task_instance_id)

    def ended(self, pid: int) -> None:
        """Nothing of the group is left."""
        self._guardian.forget(pid)
        if self._groups is not None:
            self._groups.ended(pid)

    def flush(self) -> None:
        """Nothing more happens at once: let the guardian know of what has ended."""
        self._guardian.flush()

    def close(self) -> None:
        """Every command has ended."""
        self._guardian.close()
        if self._groups is not None:
            self._groups.close()
