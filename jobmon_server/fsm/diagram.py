"""The tables published: as the document of `GET /fsm`, as Mermaid diagrams, as docs/states.md.

Everything is read off the tables and the functions that run; only whose turn it is stands here as prose.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from jobmon_client.states import Outcome, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_client.states import WorkflowRunStatus as Run
from jobmon_server.fsm.plan import By, Pair, Plan, plan_heartbeat, plan_transition
from jobmon_server.fsm.table import Edge, S, Table
from jobmon_server.fsm.task import AFTER_FAILURE, LIVE, MIRRORED, TASK
from jobmon_server.fsm.task_instance import TASK_INSTANCE, WHEN_OVERDUE, when_stopped
from jobmon_server.fsm.workflow import RUN_ENDS, WORKFLOW, WORKFLOW_RUN, Facts, workflow_status

#: Every machine under the name that the document gives it.
MACHINES: dict[str, Table[Any]] = {
    "task_instance": TASK_INSTANCE,
    "task": TASK,
    "workflow": WORKFLOW,
    "workflow_run": WORKFLOW_RUN,
}

#: Whose turn it is in each live status of an instance, before its deadline passes.
WHOSE_TURN = {
    TI.QUEUED: "any distributor claims it; it waits without a deadline",
    TI.INSTANTIATED: "its distributor submits it and tells the cluster's id",
    TI.LAUNCHED: "its worker says that it starts",
    TI.RUNNING: "its worker runs the command and sends heartbeats",
    TI.TRIAGING: "a distributor asks the cluster and reports; a heartbeat ends it",
    TI.NO_HEARTBEAT: "a distributor reports what the cluster knows",
    TI.KILL_SELF: "its worker, or a distributor, confirms that it is dead",
}

#: What a workflow's tasks look like; the first row applies. With facts that show it: present, ready, held.
SITUATIONS: tuple[tuple[str, frozenset[T], bool, bool], ...] = (
    (f"some task is {', '.join(task for task in T if task in LIVE)}", frozenset(LIVE), False, False),
    ("some task is ready, and the workflow is not held", frozenset({T.REGISTERING}), True, False),
    (f"some task is {T.ERROR_FATAL}", frozenset(T) - LIVE, False, False),
    (f"some task is {T.STOPPED}", frozenset(T) - LIVE - {T.ERROR_FATAL}, False, False),
    ("some task is ready, and the workflow is held", frozenset({T.REGISTERING, T.DONE}), True, True),
    (f"some task is {T.PAUSED}, or waits for one that is", frozenset({T.PAUSED, T.DONE}), False, False),
    (f"every task is {T.DONE}", frozenset({T.DONE}), False, False),
    ("there is no task", frozenset(), False, False),
)

#: The columns of the truth table: run_alive, ever_run.
RUNS = (
    ("a run is alive", True, True),
    ("its runs have ended", False, True),
    ("it never had a run", False, False),
)

_WORKER = By(Reporter.WORKER, "its worker")
_NOT_IN_A_LABEL = str.maketrans(":;", ",,")
_INTRODUCTION = """# States

Written by `python -m jobmon_server fsm --format markdown` from the tables in `jobmon_server/fsm`: change
those, not this file. `GET /api/v1/fsm` publishes the same as JSON, version `{version}`. The code is the
letter in the database; everywhere else the word is used. An edge marked *operator* exists only for an
operator's act and does not make a status less terminal. An *untimely* pair is a known race: the report is
accepted and nothing changes. Any pair that is neither is invalid.
"""


def as_json() -> dict[str, Any]:
    """Return the document of `GET /fsm`: every machine, and `version`, a digest of all the rest."""
    machines = {name: _machine(table) for name, table in MACHINES.items()}
    canonical = json.dumps(machines, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return {"version": hashlib.sha256(canonical.encode()).hexdigest()[:12], **machines}


def as_mermaid(table: Table[S]) -> str:
    """Return a `stateDiagram-v2` of one machine, its reasons as labels; operators' edges say so."""
    lines = ["stateDiagram-v2", f"    [*] --> {table.initial}"]
    lines += [f"    {edge.was} --> {edge.to}: {_label(edge)}" for edge in table.edges]
    lines += [f"    {status} --> [*]" for status in table.statuses if status in table.terminal]
    return "\n".join(lines) + "\n"


def as_markdown() -> str:
    """Return docs/states.md whole."""
    chapters = [
        _INTRODUCTION.format(version=as_json()["version"]),
        *_chapter("Task instance", TASK_INSTANCE, _deadlines(), _heartbeats()),
        *_chapter("Task", TASK, _news()),
        *_chapter("Workflow", WORKFLOW, _truth_table()),
        *_chapter("Workflow run", WORKFLOW_RUN, _run_deadline(), _run_ends()),
    ]
    return "\n".join(chapters)


def _machine(table: Table[S]) -> dict[str, Any]:
    return {
        "statuses": [
            {"name": str(status), "code": status.code, "group": str(table.groups[status])}
            for status in table.statuses
        ],
        "edges": [{**_pair(edge), "operator": edge.operator} for edge in table.edges],
        "untimely": [_pair(edge) for edge in table.untimely],
        "terminal": [str(status) for status in table.statuses if status in table.terminal],
    }


def _pair(edge: Edge[S]) -> dict[str, str]:
    return {"from": str(edge.was), "to": str(edge.to), "why": edge.why}


def _label(edge: Edge[S]) -> str:
    """Return the reason without the two characters that end a Mermaid label."""
    return edge.why.translate(_NOT_IN_A_LABEL) + (" (operator)" if edge.operator else "")


def _chapter(title: str, table: Table[S], *sections: str) -> list[str]:
    edges = [(edge.was, edge.to, edge.why, "operator" if edge.operator else "") for edge in table.edges]
    untimely = [(edge.was, edge.to, edge.why) for edge in table.untimely]
    return [
        f"## {title}\n",
        f"```mermaid\n{as_mermaid(table)}```\n",
        _grid(
            ("status", "code", "group", ""),
            [(status, status.code, table.groups[status], _kind(table, status)) for status in table.statuses],
        ),
        *sections,
        f"### {title}: edges\n\n" + _grid(("from", "to", "why", ""), edges),
        *([f"### {title}: untimely pairs\n\n" + _grid(("from", "to", "why"), untimely)] if untimely else []),
    ]


def _kind(table: Table[S], status: S) -> str:
    return "initial" if status == table.initial else "terminal" if status in table.terminal else ""


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (head, ["---"] * len(head), *rows)
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _deadlines() -> str:
    rows = [
        (status, WHOSE_TURN[status], _overdue(status), when_stopped(status))
        for status in TI
        if status in WHOSE_TURN
    ]
    head = ("status", "whose turn it is", "when its deadline passes", "when its task is stopped")
    return "### Task instance: who acts\n\n" + _grid(head, rows)


def _overdue(status: TI) -> str:
    return f"{Reporter.REAPER} → {WHEN_OVERDUE[status]}" if status in WHEN_OVERDUE else "it has none"


def _heartbeats() -> str:
    """Ask the plan itself what signs of life do in each status."""
    rows = [
        (status, _heartbeat(status, batch=False), _heartbeat(status, batch=True), _start(status))
        for status in TI
    ]
    head = ("status", "its worker's heartbeat", "a batch heartbeat", "its worker's `log_running`")
    fenced = f"From a worker that does not hold it, every report is {Outcome.FENCED}.\n"
    return "### Task instance: signs of life\n\n" + _grid(head, rows) + "\n" + fenced


def _heartbeat(status: TI, *, batch: bool) -> str:
    by = By(Reporter.DISTRIBUTOR) if batch else _WORKER
    return _effect(
        status, plan_heartbeat(Pair(status, T.RUNNING, worker_id=_WORKER.worker_id), by, batch=batch)
    )


def _start(status: TI) -> str:
    """Tell what a first report does and, where it differs, what a copy does once its worker is the holder."""
    first, again = (
        _effect(status, plan_transition(Pair(status, T.LAUNCHED, worker_id=holder), TI.RUNNING, _WORKER))
        for holder in (None, _WORKER.worker_id)
    )
    return first if first == again else f"{first}; a late copy {again}"


def _effect(status: TI, plan: Plan) -> str:
    if not plan.applied:
        return plan.outcome
    moved = "extends its deadline" if plan.task_instance == status else f"→ {plan.task_instance}"
    return f"{plan.outcome}, {moved}" + (f", {plan.reason}" if plan.reason else "")


def _news() -> str:
    rows = [(status, _task_after(status, spent=False), _task_after(status, spent=True)) for status in TI]
    head = ("its instance becomes", "the task, while attempts remain", "the task, when none remain")
    return "### Task: what an instance's news means\n\n" + _grid(head, rows)


def _task_after(status: TI, *, spent: bool) -> str:
    if status in AFTER_FAILURE:
        return f"{T.ERROR_RECOVERABLE} → {T.ERROR_FATAL if spent else AFTER_FAILURE[status]}"
    return MIRRORED.get(status, "unchanged")


def _truth_table() -> str:
    rows = []
    for situation, present, ready, held in SITUATIONS:
        facts = [Facts(present, ready, held, run_alive, ever_run) for _, run_alive, ever_run in RUNS]
        rows.append((situation, *(workflow_status(fact) for fact in facts)))
    head = ("the first that applies", *(title for title, _, _ in RUNS))
    return "### Workflow: truth table\n\n" + _grid(head, rows)


def _run_deadline() -> str:
    live = ", ".join(status for status in Run if status in WORKFLOW_RUN.live)
    return (
        f"The deadline of a live run ({live}) is extended by its owner's heartbeats and queueing;\n"
        f"when it passes: {Reporter.REAPER} → {Run.ERROR}. Its live instances keep their own deadlines.\n"
    )


def _run_ends() -> str:
    rows = [(status, RUN_ENDS[status]) for status in WORKFLOW.statuses if status in RUN_ENDS]
    return "### Workflow run: how it ends with its workflow\n\n" + _grid(("workflow", "run"), rows)
