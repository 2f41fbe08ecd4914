"""A second opinion: the contract's sentences on a transition as ordered rules over letters.

A rule answers with a verdict or passes on; the first answer counts. Compared with the plan in `test_plan`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from tests.server.fsm.contract import (
    ASKS_DEADLINE,
    EXTENDED_BY_BATCH,
    EXTENDED_BY_WORKER,
    INSTANCE_EDGES,
    INSTANCE_TERMINAL,
    NEWS,
    TASK_EDGES,
    TASK_TERMINAL,
    TOLD_TO_STOP,
    UNTIMELY,
)

REFUNDS_A_TASK = 10


class Case(NamedTuple):
    """One locked pair and one report. `holder` and `maker` are "nobody", "speaker" or "another"."""

    instance: str
    task: str
    attempts: int
    maximum: int
    refunds: int
    orphan: bool
    requeue: bool
    holder: str
    maker: str
    overdue: bool
    wanted: str
    speaker: str
    only_overdue: bool


class Verdict(NamedTuple):
    """What becomes of the report and of both rows; `path` is what the task passes through."""

    outcome: str
    instance: str
    task: str
    attempts: int
    refunds: int
    path: str = ""


Rule = Callable[[Case], Verdict | None]


def judge(case: Case) -> Verdict:
    """Return the first verdict of the rules, which stand in the order of the checks."""
    return next(verdict for rule in RULES if (verdict := rule(case)))


def judge_heartbeat(case: Case, *, batch: bool) -> Verdict:
    """Return what a sign of life does; `wanted` and `only_overdue` play no part."""
    if another_workers_report(case):
        return refused(case, "fenced")
    if case.instance in (EXTENDED_BY_BATCH if batch else EXTENDED_BY_WORKER):
        return refused(case, "applied")
    if case.instance == "T":
        return judge(case._replace(wanted="R", only_overdue=False))
    return refused(case, "untimely" if case.instance in "KX" + INSTANCE_TERMINAL else "invalid")


def refused(case: Case, outcome: str) -> Verdict:
    """Return a verdict under which neither row changes."""
    return Verdict(outcome, case.instance, case.task, case.attempts, case.refunds)


def another_workers_report(case: Case) -> bool:
    return case.speaker == "worker" and case.holder == "another"


def fence(case: Case) -> Verdict | None:
    return refused(case, "fenced") if another_workers_report(case) else None


def same_status(case: Case) -> Verdict | None:
    if case.wanted != case.instance:
        return None
    made_it = case.holder if case.instance == "R" else case.maker
    if made_it == "speaker":
        return refused(case, "duplicate")
    return refused(case, "untimely" if case.instance in "EZUWF" else "invalid")


def told_to_stop(case: Case) -> Verdict | None:
    if case.wanted != "R" or case.instance not in TOLD_TO_STOP:
        return None
    if case.holder == "speaker":
        return refused(case, "untimely")
    return judge(case._replace(wanted=TOLD_TO_STOP[case.instance]))


def known_race(case: Case) -> Verdict | None:
    return refused(case, "untimely") if case.instance + case.wanted in UNTIMELY else None


def instance_edge(case: Case) -> Verdict | None:
    return None if case.wanted in INSTANCE_EDGES.get(case.instance, "") else refused(case, "invalid")


def is_orphan(case: Case) -> bool:
    return case.orphan or case.task in TASK_TERMINAL


def orphans_may_only_end(case: Case) -> Verdict | None:
    return refused(case, "invalid") if is_orphan(case) and case.wanted not in INSTANCE_TERMINAL else None


def news(case: Case) -> Verdict:
    """What the report would do to both rows if nothing forbade it."""
    if is_orphan(case):
        return refused(case, "applied")._replace(instance=case.wanted)
    given_back = case.wanted == "W" and case.speaker == "reaper" and case.refunds < REFUNDS_A_TASK
    attempts, refunds = max(case.attempts - given_back, 0), case.refunds + given_back
    path = NEWS[case.wanted][attempts >= case.maximum]
    if case.requeue and case.wanted == "F":
        attempts, path = 0, "EG"
    path = path if path != case.task else ""
    return Verdict("applied", case.wanted, (path or case.task)[-1], attempts, refunds, path)


def task_edges(case: Case) -> Verdict | None:
    steps = [was + to for was, to in pairwise(case.task + news(case).path)]
    return None if all(step in TASK_EDGES for step in steps) else refused(case, "invalid")


def deadline_must_have_passed(case: Case) -> Verdict | None:
    too_early = case.only_overdue and case.instance in ASKS_DEADLINE and not case.overdue
    return refused(case, "untimely") if too_early else None


RULES: tuple[Rule, ...] = (
    fence,
    same_status,
    told_to_stop,
    known_race,
    instance_edge,
    orphans_may_only_end,
    task_edges,
    deadline_must_have_passed,
    news,
)
