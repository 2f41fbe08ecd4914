"""What a cluster plugin is.

A plugin is a class under the entry point group `jobmon.clusters`:

    [options.entry_points]
    jobmon.clusters =
        mine = my_package:MyCluster

It is made with one argument, a ClusterContext, and used by one distributor at a time. Four verbs matter: `submit`,
`active`, `cancel`, `exit_info`. None of them talks to the server: the distributor does, and the worker that the
cluster starts (`python -m jobmon_client.worker run --server-url … --task-instance-id …`) does.

A distributor may be killed at any line and started again, or run twice. So a distributor id must say enough for a later
object of the same class, in another process, to answer `active`, `cancel` and `exit_info`.

A verb that cannot be done now raises (ClusterError, or whatever it is): the distributor tries again after the waits of the
setting `step_retry_delays`, `step_max_attempts` times. So a `submit` that raises must have handed over nothing, or must
know an item again by its `task_instance_id`. An `active` that raises is not taken for an empty answer: nothing is then
said to be over.

Three things are optional. A class attribute `workers_know_their_id = True` says that every worker reports its distributor
id with its first report, so that nobody has to repeat it. A method `kill()` ends all commands at once, unreported, where
the workers are our own processes. A method `lost()` returns, by the id of the instance, the ExitInfo of what has ended since
it was last called without its worker's saying so, and of which nothing runs any more: it is reported at once, not at its
deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jobmon_client.clusters.spare_agent import Spare
from jobmon_client.config import Settings
from jobmon_client.states import Proof, TaskInstanceStatus


@dataclass(frozen=True, slots=True)
class Item:
    """One task instance of a batch; `command` is for `/bin/sh -c`, exactly."""

    task_instance_id: int
    array_step_id: int
    name: str
    command: str
    task_id: int
    workflow_id: int
    workflow_run_id: int
    #: Where the command runs, None for where its worker stands; and what is added to its environment.
    working_directory: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What is submitted at once: one array, cluster, queue and set of resources."""

    array_id: int
    array_name: str
    batch_num: int
    cluster: str
    queue: str
    requested_resources: Mapping[str, Any]
    items: tuple[Item, ...]

    @property
    def time_limit(self) -> float | None:
        """Seconds after which a command is ended as a RESOURCE_ERROR; None if no positive number was requested."""
        found = self.requested_resources.get("time_limit")
        if isinstance(found, bool) or not isinstance(found, int | float):
            return None
        return float(found) if found > 0 else None


@dataclass(frozen=True, slots=True)
class ExitInfo:
    """How a job ended, as the cluster knows it; `error_state` is an error status of task instances.

    `proof` says how the cluster knows that nothing of it runs: `exit`, it saw the exit code of its own process, or `reboot`, the
    node has booted since. Without it the server waits where a worker that is out of touch ends its command by itself.
    """

    error_state: TaskInstanceStatus
    message: str
    proof: Proof | None = None


@dataclass(frozen=True)
class ClusterContext:
    """What a plugin is made with; `on_change` may be called from any thread when something ended or started.

    `users_file`, if there is one, is to be locked (shared flock) by every process that outlives us and still needs the
    server. `spare`, if there is one, is an agent of the local cluster that can be had at once.
    """

    server_url: str
    settings: Settings
    on_change: Callable[[], None] = field(default=lambda: None)
    users_file: Path | None = None
    spare: Spare | None = None


class Cluster(Protocol):
    """The four verbs, and the beginning and the end. ClusterError says that a verb could not be done now."""

    def start(self) -> None:
        """Get ready; called once, before anything else."""

    def submit(self, batch: Batch) -> dict[int, str]:
        """Hand the batch to the cluster; return the distributor id of each step that it accepted.

        A step that is missing was refused: the distributor reports it with log_no_distributor_id.
        """

    def active(self, distributor_ids: Collection[str]) -> set[str]:
        """Return those that wait or run, or that ended and whose worker may still be reporting."""

    def cancel(self, distributor_ids: Collection[str]) -> None:
        """End these, with all their processes; unknown ones and ended ones are no error. Need not wait."""

    def exit_info(self, distributor_id: str) -> ExitInfo | None:
        """Return how it ended, None if the cluster does not know (or it is active)."""

    def capacity(self) -> int | None:
        """Return how many more instances it can usefully take now; None for no limit."""

    def stop(self) -> None:
        """Let go within a bounded time; a cluster whose workers are our own subprocesses ends them."""
