"""What became of a run: judged from the database's rows and the marks that the commands themselves left."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from jobmon_client.states import LostContact, TaskInstanceStatus, TaskStatus
from tests.chaos.workload import TIME_LIMIT, Marks
from tests.chaos.world import KILL_GRACE, World

DONE = TaskInstanceStatus.DONE.code
WRONG = ("doubled", "lost", "undone", "too_early", "too_long", "check", "left_behind")
"""What is to be empty when all went right."""
SLACK = 2.0
LONGEST_BESIDE = TIME_LIMIT + KILL_GRACE + SLACK
"""Seconds that two may run at once where one out of touch may go on: until its worker has ended it for its time limit."""


@dataclass
class Verdict:
    """One run; the lists hold what went wrong, and are empty when all went right."""

    status: str
    not_done: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    undone: list[int] = field(default_factory=list)
    too_early: list[str] = field(default_factory=list)
    check: str = ""
    left_behind: list[str] = field(default_factory=list)
    attempts: int = 0
    re_runs: int = 0
    beside: list[tuple[str, int, float]] = field(default_factory=list)
    too_long: list[tuple[str, int, float]] = field(default_factory=list)
    """Those beside another attempt that should not have been, or for longer than they may."""
    recoveries: list[tuple[str, float]] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether the workflow came to its end."""
        return self.status == "DONE" and not self.not_done

    @property
    def is_right(self) -> bool:
        """Whether nothing went wrong."""
        return self.is_done and not any(getattr(self, name) for name in WRONG)

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)


@dataclass(frozen=True)
class Facts:
    """What the database says of one workflow when all is over; `check` is empty if `db check` found nothing."""

    tasks: list[tuple[int, str, str]]
    instances: list[tuple[int, int, str]]
    applications: list[tuple[int, datetime]]
    check: str

    @classmethod
    def of(cls, world: World, workflow_id: int) -> Facts:
        """Ask it."""
        checked = world.check()
        return cls(
            world.rows("SELECT id, name, status FROM task WHERE workflow_id = %s", workflow_id),
            world.rows(
                "SELECT i.id, t.id, i.status FROM task_instance i JOIN task t ON t.id = i.task_id"
                " WHERE t.workflow_id = %s",
                workflow_id,
            ),
            applications(world, workflow_id),
            "" if checked.returncode == 0 else checked.stdout + checked.stderr,
        )


def judge(
    facts: Facts, status: str, marks: Marks, acknowledged: set[int], lost_contact: LostContact
) -> Verdict:
    """Compare the facts with the marks; `acknowledged` are the instances that the server was seen to call DONE."""
    names = {number: name for number, name, _ in facts.tasks}
    done: dict[str, list[int]] = defaultdict(list)
    for number, task, code in facts.instances:
        if code == DONE:
            done[names[task]].append(number)
    counted = {number for numbers in done.values() for number in numbers}
    applied = Counter(number for number, _ in facts.applications)
    twice = [f"instance {number}, {times} times" for number, times in applied.items() if times > 1]
    return Verdict(
        status,
        not_done=[name for _, name, code in facts.tasks if code != TaskStatus.DONE.code or name not in done],
        doubled=[name for name, numbers in done.items() if len(numbers) > 1] + twice,
        lost=[name for name, numbers in done.items() if not set(numbers) <= set(marks.ended[name])],
        undone=sorted((acknowledged | set(applied)) - counted),
        too_early=marks.too_early,
        check=facts.check,
        attempts=len(facts.instances),
        re_runs=sum(number not in counted for numbers in marks.ended.values() for number in numbers),
        beside=marks.beside,
        too_long=[one for one in marks.beside if lost_contact is LostContact.STOP or one[2] > LONGEST_BESIDE],
    )


def applications(world: World, workflow_id: int) -> list[tuple[int, datetime]]:
    """Which instance of the workflow was moved to DONE, and when, by the journal."""
    statement = """SELECT j.task_instance_id, j.time FROM journal j JOIN task_instance i ON i.id = j.task_instance_id
        JOIN task t ON t.id = i.task_id
        WHERE t.workflow_id = %s AND j.wanted = %s AND j.outcome = 'applied' ORDER BY j.id"""
    return [(number, time.replace(tzinfo=UTC)) for number, time in world.rows(statement, workflow_id, DONE)]


def journals(world: World, verdict: Verdict) -> dict[str, list[tuple[Any, ...]]]:
    """What the server wrote down about the tasks that are in question."""
    beside = [name for name, *_ in verdict.beside]
    named = {*verdict.not_done, *verdict.doubled, *verdict.lost, *verdict.too_early, *beside}
    statement = """SELECT i.id, i.attempt, i.distributor_id, j.was, j.wanted, j.outcome, j.task_from, j.task_to,
        j.reporter, j.reporter_id, j.reason, j.time FROM journal j JOIN task_instance i ON i.id = j.task_instance_id
        JOIN task t ON t.id = i.task_id WHERE t.name = %s ORDER BY j.id"""
    return {name: world.rows(statement, name) for name in sorted(named)}


def recoveries(facts: Facts, blows: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """For each blow (its target, when it had fallen) the seconds until the next task became DONE, if one still could."""
    times = [time.timestamp() for _, time in facts.applications]
    return [
        (target, round(min(later) - fallen, 3))
        for target, fallen in blows
        if (later := [time for time in times if time > fallen])
    ]
