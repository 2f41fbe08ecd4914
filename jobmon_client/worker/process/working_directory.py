"""A process started in another directory than ours: nothing that starts one takes a directory along."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager


class NoWorkingDirectory(ValueError):
    """The directory that a command is to run in cannot be entered on this machine; the message says which, and why."""


@contextmanager
def standing_in(directory: str | None) -> Iterator[None]:
    """Stand in a directory while a process is started; None for where we stand anyway.

    All threads stand there meanwhile. In a worker none minds: it opens files by absolute paths only.

    Raises:
        NoWorkingDirectory: It is missing, no directory, or may not be entered.
        OSError: Where we stand cannot be kept, as there are no descriptors left.
    """
    if directory is None:
        yield
        return
    # A path alone would not lead back to a directory that was deleted or renamed meanwhile.
    home = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            os.chdir(directory)
        except OSError as error:
            where = socket.gethostname()
            problem = f"its working directory {directory} cannot be entered on {where}: {error.strerror}"
            raise NoWorkingDirectory(problem) from error
        try:
            yield
        finally:
            os.fchdir(home)
    finally:
        os.close(home)
