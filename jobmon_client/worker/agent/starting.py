"""Starts commands: their environment, their limit of open files, and who is told of their processes."""

from __future__ import annotations

import errno
import os
import resource

from jobmon_client.config import command_environment
from jobmon_client.worker.agent.job import Job, marks
from jobmon_client.worker.process.command_process import Process
from jobmon_client.worker.process.families import Families, Head, ticks_now
from jobmon_client.worker.process.process_watch import ProcessWatch
from jobmon_client.worker.process.variables import variables

SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM})
SPARE_DESCRIPTORS = 256


class Starter:
    """Everything here runs in the agent's one thread."""

    def __init__(
        self, families: Families, watch: ProcessWatch, open_files: int | None, server_url: str | None
    ) -> None:
        """Give each command `open_files` as its soft limit of open files, None for ours; and tell it of the server."""
        self._server_url = server_url
        self._families = families
        self._watch = watch
        self._open_files = open_files
        # As bytes: what ours holds need not be text in any encoding, and is handed on as it is.
        self._environment = {
            os.fsencode(name): os.fsencode(value) for name, value in command_environment().items()
        }

    def start(self, job: Job) -> Process:
        """Start its command; raise OSError or ValueError if the system does not take it."""
        began = ticks_now()
        own = variables(job.item, job.files, self._server_url)
        process = job.start(self._environment, own, self._open_files)
        self._watch.started(process.pid, job.id)
        outputs = frozenset({str(job.files.stdout), str(job.files.stderr)})
        self._families.began(Head(process.pid, marks(own), outputs, began))
        return process

    def forget(self, job: Job) -> None:
        """Nothing of its command is left."""
        if job.process is not None:
            self._watch.ended(job.process.pid)
            self._families.gone(job.process.pid)
            job.process.remove_script()


def is_shortage(error: Exception) -> bool:
    """Whether a command could not be started for want of what others hold: descriptors, processes, memory."""
    return isinstance(error, OSError) and error.errno in SHORTAGES


def make_room() -> tuple[int | None, int]:
    """Raise the limit of open files as far as it goes: each command is watched through a descriptor.

    Returns:
        The soft limit that was, None where it was not raised; and how many commands can be watched at once.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = hard if hard != resource.RLIM_INFINITY else 2**31
    return (None if soft == hard else soft), max(1, most - min(SPARE_DESCRIPTORS, most // 2))
