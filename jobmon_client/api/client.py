"""One method per route; payload in, frozen dataclass or plain object out. Remembers nothing.

A report's refusal (404, 409) is an answer, not an exception: it comes back as a Reply with its outcome.
Times are given in seconds; field names are those of the wire. A field that is None is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from threading import Event
from typing import Any, Self

from jobmon_client.access.credentials import Credentials
from jobmon_client.api.acts import Acts
from jobmon_client.api.bulk import Bulk
from jobmon_client.api.commands import Commands
from jobmon_client.api.limits import Limits
from jobmon_client.api.lookups import Reads
from jobmon_client.api.replies import BatchReply, Claim, Reply, RunReply, run_reply
from jobmon_client.api.retention import Keeping
from jobmon_client.api.search import Search
from jobmon_client.api.waiting import WaitCalls
from jobmon_client.config import Settings, load
from jobmon_client.errors import BadSetting, NotFound
from jobmon_client.http import Http

REFUSALS = (404, 409)


class Api(Reads, Acts, Limits, Keeping, Commands, Bulk, WaitCalls, Search):
    """The one client class: what owners, distributors and workers say; what else can be asked is in its groups."""

    @classmethod
    def from_settings(
        cls, settings: Settings, *, budget: float | None = None, stop: Event | None = None
    ) -> Self:
        """Speak to `settings.server_url`; `budget` in seconds, None for as long as `stop` is not set. Raise BadSetting."""
        if settings.server_url is None:
            where = f"profile {settings.profile!r} says" if settings.profile else "the settings say"
            raise BadSetting(f"{where} no server_url")
        http = Http(
            settings.server_url,
            timeout=settings.request_timeout,
            budget=budget,
            stop=stop,
            credentials=Credentials.of(settings),
        )
        return cls(http)

    @classmethod
    def connect(cls, server_url: str, *, token: str | None = None, **settings: object) -> Self:
        """Speak to this server; `settings` are those of `jobmon config show`. Raise BadSetting; calls nothing yet."""
        chosen = load({"server_url": server_url, "token": token, **settings})
        return cls.from_settings(chosen, budget=chosen.retry_budget)

    @classmethod
    def from_profile(cls, name: str | None = None, **settings: object) -> Self:
        """Speak to the server of a profile of the configuration file, without a name the one that is chosen there.

        Raise BadSetting, which names the profiles that there are.
        """
        chosen = load({"profile": name, **settings})
        return cls.from_settings(chosen, budget=chosen.retry_budget)

    # -- the workflow's owner --------------------------------------------------------------------------------

    def bind_workflow(self, name: str, **facts: Any) -> dict[str, Any]:
        """Make a workflow, or find the one of the same `client_id` and `request_id`; `workflow_id, status, outcome`."""
        return self._post("/workflow", name=name, **facts)

    def bind_tasks(
        self,
        workflow_id: int,
        tasks: Sequence[Mapping[str, Any]],
        *,
        arrays: Sequence[Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Bind all of them or, with Malformed or Refused, none; `task_ids` in the order given, `differed` names."""
        return self._post(f"/workflow/{workflow_id}/tasks", tasks=tasks, arrays=arrays)

    def start_run(
        self,
        workflow_id: int,
        *,
        next_report_increment: float,
        resume: str | None = None,
        request_id: str | None = None,
        process: Mapping[str, Any] | None = None,
        takes_over: int | None = None,
    ) -> RunReply:
        """Become the workflow's owner; Refused while another run lives; `body["workflow_run_id"]`.

        `process` names the caller's process; `takes_over` a run whose process the caller knows to be dead.

        The same `request_id` again gives the same run again, so that the call may be repeated blindly.
        """
        path = f"/workflow/{workflow_id}/workflow_run"
        facts: dict[str, Any] = {
            "next_report_increment": next_report_increment,
            "resume": resume,
            "request_id": request_id,
            "process": process,
            "takes_over": takes_over,
        }
        return run_reply(self._post(path, **facts))

    def queue_tasks(self, workflow_run_id: int, *, limit: int | None = None) -> list[dict[str, Any]]:
        """Make instances of what is ready; batches with `array_id, batch_num, task_instance_ids`."""
        batches = self._post(f"/workflow_run/{workflow_run_id}/queue_tasks", limit=limit)["batches"]
        return list(batches)

    def run_heartbeat(self, workflow_run_id: int, *, next_report_increment: float) -> RunReply:
        """Keep the run alive; on an ended one the outcome is `invalid` and the status says how it ended."""
        path = f"/workflow_run/{workflow_run_id}/log_heartbeat"
        return run_reply(self._post(path, accept=(409,), next_report_increment=next_report_increment))

    def terminate(self, workflow_run_id: int, *, reason: str | None = None) -> RunReply:
        """End the run: what lives is killed and requeued at resume, what nobody claimed is withdrawn."""
        return run_reply(
            self._post(f"/workflow_run/{workflow_run_id}/terminate", accept=(409,), reason=reason)
        )

    # -- the distributor -------------------------------------------------------------------------------------

    def claim(self, distributor: str, cluster: str, limit: int, **facts: Any) -> Claim:
        """Claim up to `limit` instances that wait for the cluster, with their details; facts:
        `next_report_increment`, `workflow_id`, `array_id` (only what is of that workflow, of that array)."""
        return self._instantiate(distributor=distributor, cluster=cluster, limit=limit, **facts)

    def instantiate(self, distributor: str, ids: Iterable[int], *, next_report_increment: float) -> Claim:
        """Claim these instances; what this distributor holds already is in `batches` again."""
        return self._instantiate(
            distributor=distributor, task_instance_ids=list(ids), next_report_increment=next_report_increment
        )

    def _instantiate(self, **facts: Any) -> Claim:
        body = self._post("/task_instance/instantiate_task_instances", detail=True, **facts)
        return Claim(tuple(body["batches"]), BatchReply.parse(body).outcomes)

    def log_launched(
        self,
        array_id: int,
        batch_num: int,
        distributor_ids: Mapping[int, str],
        *,
        next_report_increment: float,
    ) -> BatchReply:
        """Say which steps of the batch the cluster accepted, under which ids."""
        steps = {str(step): distributor_id for step, distributor_id in distributor_ids.items()}
        path = f"/array/{array_id}/batch/{batch_num}/log_launched"
        return BatchReply.parse(
            self._post(path, distributor_ids=steps, next_report_increment=next_report_increment)
        )

    def log_distributor_id(
        self, task_instance_id: int, *, distributor_id: str, next_report_increment: float
    ) -> Reply:
        """Record the cluster's id of one instance."""
        return self._report(
            task_instance_id,
            "log_distributor_id",
            distributor_id=distributor_id,
            next_report_increment=next_report_increment,
        )

    def log_no_distributor_id(self, task_instance_id: int, *, error_message: str, **facts: Any) -> Reply:
        """The cluster did not accept it; facts: `permanent` (and never would), `kind`, `usage`."""
        return self._report(task_instance_id, "log_no_distributor_id", error_message=error_message, **facts)

    def log_known_error(
        self, task_instance_id: int, *, error_state: str, error_message: str, **facts: Any
    ) -> Reply:
        """The cluster knows how it ended; facts: `distributor_id, nodename, usage, kind, proof, resource`."""
        return self._report(
            task_instance_id, "log_known_error", error_state=error_state, error_message=error_message, **facts
        )

    def log_unknown_error(self, task_instance_id: int, *, error_message: str, **facts: Any) -> Reply:
        """It is gone and nobody knows how; facts: `error_state`, and those of `log_known_error`."""
        return self._report(task_instance_id, "log_unknown_error", error_message=error_message, **facts)

    # -- the worker ------------------------------------------------------------------------------------------

    def log_running(
        self, task_instance_id: int, *, worker_id: str, next_report_increment: float, **facts: Any
    ) -> Reply:
        """Ask leave to start; facts: `nodename, process_group_id, distributor_id, stdout, stderr`.

        The reply's body has `task_instance`: ids, name, command, requested_resources.
        """
        return self._report(
            task_instance_id,
            "log_running",
            worker_id=worker_id,
            next_report_increment=next_report_increment,
            **facts,
        )

    def log_report_by(
        self, task_instance_id: int, *, worker_id: str, next_report_increment: float, **facts: Any
    ) -> Reply:
        """One heartbeat; facts: `distributor_id, stdout, stderr, metrics, progress, attributes, acknowledged`."""
        return self._report(
            task_instance_id,
            "log_report_by",
            worker_id=worker_id,
            next_report_increment=next_report_increment,
            **facts,
        )

    def log_report_by_batch(
        self, task_instance_ids: Iterable[int], *, next_report_increment: float, **facts: Any
    ) -> BatchReply:
        """Heartbeat of up to 10,000 instances; the outcomes name those that have to stop.

        Facts: `hold` (a distributor cannot ask its cluster), `unkillable` (the kernel cannot kill what is to end).
        """
        return BatchReply.parse(
            self._post(
                "/task_instance/log_report_by/batch",
                task_instance_ids=list(task_instance_ids),
                next_report_increment=next_report_increment,
                **facts,
            )
        )

    def log_done(self, task_instance_id: int, *, worker_id: str, **facts: Any) -> Reply:
        """The command exited with 0; facts: `stdout_log, stderr_log, usage, result, attributes`."""
        return self._report(task_instance_id, "log_done", worker_id=worker_id, **facts)

    def log_error_worker_node(
        self, task_instance_id: int, *, worker_id: str, error_state: str, error_description: str, **facts: Any
    ) -> Reply:
        """The command failed, or was killed as told; facts as of `log_done`, and `reason_code, kind, resource`."""
        return self._report(
            task_instance_id,
            "log_error_worker_node",
            worker_id=worker_id,
            error_state=error_state,
            error_description=error_description,
            **facts,
        )

    def reports(self, reports: Sequence[Mapping[str, Any]]) -> BatchReply:
        """Up to 10,000 reports of any kind; what is not among the outcomes was applied as wanted."""
        return BatchReply.parse(self._post("/reports", reports=reports))

    # -- how ---------------------------------------------------------------------------------------------------

    def _report(self, task_instance_id: int, report: str, **facts: Any) -> Reply:
        body = self._post(f"/task_instance/{task_instance_id}/{report}", accept=REFUSALS, **facts)
        if "outcome" not in body:  # a 404 of the route, not of the instance
            raise NotFound(404, body)
        return Reply.parse(body)
