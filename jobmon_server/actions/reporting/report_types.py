"""Every report that can be made about one instance, as data: what it wants, who makes it, what it brings along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jobmon_client.states import FailureKind, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_server.db.instances.commands import CommandAck
from jobmon_server.db.instances.metric_samples import Sample
from jobmon_server.fsm.plan import By
from jobmon_server.principal import Reach

#: Facts of a report that are columns of the instance, stored under their own names when it is applied.
STORED = (
    "nodename",
    "process_group_id",
    "distributor_id",
    "stdout",
    "stderr",
    "stdout_log",
    "stderr_log",
    "usage",
    "result",
    "progress",
    "reason_code",
)


@dataclass(frozen=True, slots=True)
class Report:
    """One report. `wanted` is None for a heartbeat; `always` are columns written whatever the outcome but `invalid`.

    What is no column of the instance: `attributes` and `sample`, kept when it is applied, and `acknowledged`. `reach` is
    whose instances its caller may report about; None for everybody's.
    """

    wanted: TI | None
    by: By
    next_report_increment: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    always: dict[str, Any] = field(default_factory=dict)
    text: str | None = None
    only_overdue: bool = False
    is_batch: bool = False
    #: Conditions and kinds of a failure (`fsm.plan`), and the member of the resources that was short.
    permanent: bool = False
    proof: bool = False
    infrastructure: bool = False
    resource: str | None = None
    #: Signs of life that are more: of a distributor that holds what it cannot ask for, for so many seconds in all at most;
    #: of a worker whose command the kernel cannot kill.
    hold: bool = False
    patience: float = 0.0
    unkillable: bool = False
    #: What the server says of workers out of touch, where neither task nor workflow does.
    lost_contact: str | None = None
    attributes: dict[str, Any] | None = None
    sample: Sample | None = None
    acknowledged: tuple[CommandAck, ...] = ()
    reach: Reach | None = None

    @property
    def terms(self) -> tuple[Any, ...]:
        """What counts when it is decided, but for the facts that it brings."""
        conditions = (self.only_overdue, self.permanent, self.proof, self.infrastructure, self.resource)
        life = (self.is_batch, self.hold, self.patience, self.unkillable, self.lost_contact)
        return (self.wanted, self.by, self.next_report_increment, self.text, *conditions, *life)

    @property
    def asks_for_commands(self) -> bool:
        """Whether who makes it can be told what to do with the command."""
        return self.wanted is None or self.wanted is TI.RUNNING


def _facts(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in STORED if given.get(name) is not None}


def _worker(given: dict[str, Any]) -> By:
    return By(Reporter.WORKER, given["worker_id"])


def log_running(**given: Any) -> Report:
    """Make the report of a worker that is about to start its command."""
    increment, default = given["next_report_increment"], given.get("lost_contact")
    return Report(TI.RUNNING, _worker(given), increment, _facts(given), lost_contact=default)


def log_report_by(**given: Any) -> Report:
    """Make a worker's sign of life."""
    sample = given.get("metrics")
    facts = _facts(given) if sample is None else {**_facts(given), "metrics": sample.values}
    return Report(
        None,
        _worker(given),
        given["next_report_increment"],
        facts,
        unkillable=given.get("unkillable", False),
        attributes=given.get("attributes"),
        sample=sample if sample is not None and sample.values else None,
        acknowledged=tuple(CommandAck(**one) for one in given.get("acknowledged", ())),
    )


def log_report_by_batch(**given: Any) -> Report:
    """Make the sign of life of a reconciler or a node agent, for one of its many instances."""
    told = {name: given[name] for name in ("hold", "patience", "unkillable") if name in given}
    return Report(None, By(Reporter.DISTRIBUTOR), given["next_report_increment"], is_batch=True, **told)


def log_done(**given: Any) -> Report:
    """Make the report of a command that succeeded."""
    return Report(TI.DONE, _worker(given), facts=_facts(given), attributes=given.get("attributes"))


def log_error_worker_node(**given: Any) -> Report:
    """Make the report of a command that failed, or of a worker that has killed it."""
    return Report(
        given["error_state"],
        _worker(given),
        facts=_facts(given),
        text=given["error_description"],
        attributes=given.get("attributes"),
        **_failure(given),
    )


def _failure(given: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of a failure beside its status."""
    return {
        "infrastructure": given.get("kind") is FailureKind.INFRASTRUCTURE,
        "proof": given.get("proof") is not None,
        "resource": given.get("resource"),
    }


def log_distributor_id(**given: Any) -> Report:
    """Make the report that the cluster accepted an instance; its id is kept in whatever status but QUEUED."""
    stored = {"distributor_id": given["distributor_id"]}
    return Report(TI.LAUNCHED, By(Reporter.DISTRIBUTOR), given["next_report_increment"], always=stored)


def log_launched(**given: Any) -> Report:
    """Make the report that the cluster accepted one instance of an array batch: as if it were told alone."""
    return log_distributor_id(**given)


def log_no_distributor_id(**given: Any) -> Report:
    """Make the report that a submission failed, perhaps for good."""
    by, permanent = By(Reporter.DISTRIBUTOR), given.get("permanent", False)
    wanted = TI.ERROR_FATAL if permanent else TI.NO_DISTRIBUTOR_ID
    facts, text = _facts(given), given["error_message"]
    return Report(wanted, by, facts=facts, text=text, permanent=permanent, **_failure(given))


def log_known_error(**given: Any) -> Report:
    """Make the report of a distributor that knows how an instance ended."""
    by, text = By(Reporter.DISTRIBUTOR), given["error_message"]
    return Report(given["error_state"], by, facts=_facts(given), text=text, **_failure(given))


def log_unknown_error(**given: Any) -> Report:
    """Make the report of a reconciler that gives an instance up; untimely while its deadline lives."""
    wanted = given.get("error_state") or TI.UNKNOWN_ERROR
    by, text = By(Reporter.DISTRIBUTOR), given["error_message"]
    return Report(wanted, by, facts=_facts(given), text=text, only_overdue=True, **_failure(given))


#: The reports of DESIGN §5 by the name that their route and a batch's items use.
REPORTS: dict[str, Callable[..., Report]] = {
    make.__name__: make
    for make in (
        log_running,
        log_report_by,
        log_done,
        log_error_worker_node,
        log_distributor_id,
        log_no_distributor_id,
        log_known_error,
        log_unknown_error,
    )
}
