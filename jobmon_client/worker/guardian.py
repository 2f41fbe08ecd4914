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
        threading.Thread(target=self._shell.wait, name="guardian wait", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process."""
        return self._shell.pid

    def watch(self, group: int) -> None:
        """This group runs."""
        self._say(f"+ {group}")

    def forget(self, group: int) -> None:
        """This group has ended."""
        self._say(f"- {group}")

    def close(self) -> None:
        """The agent ends by itself, and has ended its commands."""
        self._say("q")
        if self._shell.stdin is not None:
            self._shell.stdin.close()

    def _say(self, line: str) -> None:
        if self._shell.stdin is None or self._shell.stdin.closed:
            return
        try:
            os.write(self._shell.stdin.fileno(), f"{line}\n".encode("ascii"))
        except BrokenPipeError:  # somebody killed it: what is on disk remains
            log.warning("guardian_gone")
            self._shell.stdin.close()
