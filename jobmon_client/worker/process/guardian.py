"""A small process beside each agent that ends the agent's commands the moment the agent is gone, however it went.

It holds one end of a pipe: the kernel closes the other with the agent. A parent-death signal would reach the shell of a
command alone; this reaches its whole process group.
"""

from __future__ import annotations

import os
import subprocess
import threading

import structlog

log = structlog.get_logger(__name__)

# A shell, for it is there, and takes little more than a megabyte.
SCRIPT = """
groups=' '
while read -r sign group; do
    case $sign in
        +) groups="$groups$group " ;;
        -) groups="${groups%%" $group "*} ${groups#*" $group "}" ;;
        q) exit 0 ;;
    esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
"""


class Guardian:
    """Knows the process groups that run; its methods may be called from one thread only."""

    def __init__(self) -> None:
        """Start the process; the thread that waits for it ends with it."""
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={},
            start_new_session=True,
        )
        self._unsaid = ""
        threading.Thread(target=self._shell.wait, name="guardian wait", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process."""
        return self._shell.pid

    def watch(self, group: int) -> None:
        """This group runs."""
        self._unsaid += f"+ {group}\n"
        self.flush()

    def forget(self, group: int) -> None:
        """This group has ended; that is said with the next that runs, for which it mostly makes room, or by `flush`."""
        self._unsaid += f"- {group}\n"

    def close(self) -> None:
        """The agent ends by itself, and has ended its commands."""
        self._unsaid += "q\n"
        self.flush()
        if self._shell.stdin is not None:
            self._shell.stdin.close()

    def flush(self) -> None:
        """Say what was not said yet: each time wakes the process."""
        said, self._unsaid = self._unsaid, ""
        if not said or self._shell.stdin is None or self._shell.stdin.closed:
            return
        try:
            os.write(self._shell.stdin.fileno(), said.encode("ascii"))
        except BrokenPipeError:  # somebody killed it: what is on disk remains
            log.warning("guardian_gone")
            self._shell.stdin.close()
