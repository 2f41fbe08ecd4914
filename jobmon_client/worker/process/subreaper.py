"""Makes this process the parent of what its commands leave behind, and says whether there is any of it. Linux only.

A process whose parent has ended goes to the nearest ancestor that is a child subreaper, whatever session or process group
it is in. The kernel gives it to that ancestor's main thread. Commands are started by another thread, and one can wait for
the children of one thread alone: so the main thread learns by one system call whether it has such children, and collects
those that have ended without taking the exit code of a command from whoever waits for that.

Children that belong to no command, whoever starts them, are to be named in `exempt`; those that an earlier program in the
same process had are in it. The main thread should have none of these: each makes `has_adopted` true, which costs a look at
all processes for each command.
"""

from __future__ import annotations

import ctypes
import os
import select

import structlog

from jobmon_client.worker.process.process_tree import processes

log = structlog.get_logger(__name__)

PR_SET_CHILD_SUBREAPER = 36
OF_THIS_THREAD = 0x20000000
"""`__WNOTHREAD`, which `os` does not name."""


class Subreaper:
    """Made in the main thread, which then calls `serve` again and again; all else may be called from any thread."""

    def __init__(self) -> None:
        """Begin to adopt; raise OSError where the system does not allow it."""
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            number = ctypes.get_errno()
            raise OSError(number, f"prctl(PR_SET_CHILD_SUBREAPER): {os.strerror(number)}")
        ours = os.getpid()
        self.exempt = {one.pid for one in processes().values() if one.parent == ours}
        """Children that belong to no command."""
        self._asked = os.eventfd(0, os.EFD_CLOEXEC)
        self._answered = os.eventfd(0, os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._asked, select.POLLIN)
        self._has_adopted = False

    def serve(self, seconds: float) -> None:
        """Collect what was adopted and has ended; answer one question if one comes within so many seconds."""
        if not self._poll.poll(seconds * 1_000):
            collect_ended()
            return
        os.eventfd_read(self._asked)
        self._has_adopted = collect_ended()
        os.eventfd_write(self._answered, 1)

    def has_adopted(self) -> bool:
        """Return whether this process has children that it did not start as commands; asks the main thread, and waits."""
        os.eventfd_write(self._asked, 1)
        os.eventfd_read(self._answered)
        return self._has_adopted

    def wake(self) -> None:
        """Have `serve` return at once."""
        os.eventfd_write(self._asked, 1)


def collect_ended() -> bool:
    """Collect the children of this thread that have ended; return whether it has others."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | OF_THIS_THREAD)
        except ChildProcessError:
            return False
        if ended is None:
            return True


def adopt() -> Subreaper | None:
    """Become a subreaper; None, and a warning, where that is not allowed."""
    try:
        return Subreaper()
    except OSError as error:
        log.warning("no_subreaper", error=str(error))
        return None
