"""A small process beside each agent that ends the agent's commands the moment the agent is gone, however it went.

It holds one end of a pipe: the kernel closes the other with the agent. A parent-death signal would reach the shell of a
command alone; this reaches its process group at once, and then, as a program of its own (see `orphans`), everything else
that the command has started.

The interface is four methods: `watch`, `forget`, `flush`, `close`. It is started by a thread of its own, so that the
main thread has no children but those that were adopted (see `subreaper`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

# A shell, for it is there, and takes little more than a megabyte.
SCRIPT = """
running=' '
while read -r sign group instance; do
    case $sign in
        +) running="$running$group:$instance " ;;
        -) rest="${running#*" $group:"}"; running="${running%%" $group:"*} ${rest#* }" ;;
        q) exit 0 ;;
    esac
done
for one in $running; do kill -s KILL -- "-${one%%:*}"; done
python=$1 files=$2; set --
for one in $running; do set -- "$@" "${one#*:}"; done
exec "$python" -m jobmon_client.worker.process.orphans "$files" "$@"
"""


class Guardian:
    """Knows the process groups that run; its methods may be called from one thread only."""

    def __init__(self, log_dir: Path) -> None:
        """Start the process; the thread that waits for it ends with it. Commands have their files below `log_dir`."""
        self._started = threading.Event()
        self._shell: subprocess.Popen[bytes] | None = None
        self._failure: OSError | None = None
        threading.Thread(target=self._run, args=(log_dir,), name="guardian wait", daemon=True).start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure
        self._unsaid = ""

    def _run(self, log_dir: Path) -> None:
        try:
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", SCRIPT, "guardian", sys.executable, log_dir],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={"PYTHONPATH": os.pathsep.join(sys.path)},
                start_new_session=True,
            )
        except OSError as error:
            self._failure = error
        self._started.set()
        if self._shell is not None:
            self._shell.wait()

    @property
    def pid(self) -> int | None:
        """The process."""
        return self._shell.pid if self._shell is not None else None

    def watch(self, group: int, task_instance_id: int) -> None:
        """This group runs, for this instance."""
        self._unsaid += f"+ {group} {task_instance_id}\n"
        self.flush()

    def forget(self, group: int) -> None:
        """Nothing of it is left; that is said with the next that runs, for which it mostly makes room, or by `flush`."""
        self._unsaid += f"- {group}\n"

    def close(self) -> None:
        """The agent ends by itself, and has ended its commands."""
        self._unsaid += "q\n"
        self.flush()
        if self._shell is not None and self._shell.stdin is not None:
            self._shell.stdin.close()

    def flush(self) -> None:
        """Say what was not said yet: each time wakes the process."""
        said, self._unsaid = self._unsaid, ""
        shell = self._shell
        if not said or shell is None or shell.stdin is None or shell.stdin.closed:
            return
        try:
            os.write(shell.stdin.fileno(), said.encode("ascii"))
        except BrokenPipeError:  # somebody killed it: what is on disk remains
            log.warning("guardian_gone")
            shell.stdin.close()
