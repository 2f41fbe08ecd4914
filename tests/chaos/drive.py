"""One run: a workflow is started, struck by the blows of its schedule, resumed when its owner died, and judged."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobmon_client.errors import JobmonError
from jobmon_client.states import LostContact
from tests.chaos.kills import Blow, cuts, schedule, strike
from tests.chaos.verdict import Facts, Verdict, journals, judge, recoveries
from tests.chaos.workload import Marks, workflow
from tests.chaos.world import START_TIMEOUT, Store, World
from tests.support.waiting import eventually

LONGEST = 150.0
"""Seconds after which a run counts as not done."""
POLL = 0.05
LOOK_EVERY = 0.25
FILE = "workflow.json"
TASKS_FOR_A_BLOW = 10
TASKS_FOR_A_CUT = 15
RESUMABLE = frozenset({"HALTED", "FAILED", "STOPPED", "REGISTERED"})
Say = Callable[[str], None]


@dataclass
class Run:
    """One workflow and what befalls it; everything random in it is drawn from `seed` and `number`."""

    seed: int
    number: int
    tasks: int
    lost_contact: LostContact = LostContact.STOP
    definition: dict[str, Any] = field(init=False)
    blows: list[Blow] = field(init=False)
    cuts: list[Blow] = field(init=False)
    """Their seconds begin with the first command: there has to be a worker that is cut off."""
    struck: Counter[str] = field(default_factory=Counter)
    fallen: list[tuple[str, float]] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    resumes: int = 0
    status: str = "UNKNOWN"
    seconds: float = 0.0
    _workflow_id: int | None = None
    _look_at: float = 0.0
    _may_resume: bool = False

    def __post_init__(self) -> None:
        dice = random.Random(f"{self.seed}/{self.number}")
        self.definition = workflow(f"chaos {self.seed}/{self.number}", self.tasks, dice)
        self.blows = schedule(dice, max(5, self.tasks // TASKS_FOR_A_BLOW))
        self.cuts = cuts(dice, max(3, self.tasks // TASKS_FOR_A_CUT))

    def __call__(self, store: Store, say: Say) -> Verdict:
        """Run it; what went wrong keeps its directory, and says where that is."""
        home = Path(tempfile.mkdtemp(prefix=f"jobmon-chaos-{self.seed}-{self.number}-"))
        world = World(store, home, self.lost_contact)
        verdict = Verdict("UNKNOWN")
        try:
            self._play(world, say)
            left = world.finish()
            eventually(store.answers, START_TIMEOUT, what="mariadbd answers")
            marks = Marks.read(home / "marks", self.definition)
            facts = Facts.of(world, self._workflow_id or 0)
            verdict = judge(facts, self.status, marks, self.acknowledged, self.lost_contact)
            verdict.left_behind = left
            verdict.recoveries = recoveries(facts, self.fallen)
        finally:
            world.close()
            self._keep(world, verdict, say)
        return verdict

    def _play(self, world: World, say: Say) -> None:
        (world.home / FILE).write_text(json.dumps(self.definition))
        clock = threading.Event()
        eventually(lambda: answers(world), START_TIMEOUT, what="the server answers")
        began = time.monotonic()
        world.start_client("run", world.home / FILE)
        waiting, later = list(self.blows), list(self.cuts)
        marks = world.home / "marks"
        first_mark: float | None = None
        while self.seconds < LONGEST and not self._is_over(world):
            self.seconds = time.monotonic() - began
            if waiting and waiting[0].second <= self.seconds:
                self._strike(world, waiting.pop(0), say)
            if first_mark is None and marks.exists():
                first_mark = self.seconds
            if later and first_mark is not None and first_mark + later[0].second <= self.seconds:
                self._strike(world, later.pop(0), say)
            self._look(world)
            self._tend(world)
            clock.wait(POLL)

    def _strike(self, world: World, blow: Blow, say: Say) -> None:
        if blow.target == "client" and self._workflow_id is None:
            return  # a workflow that was half bound is its user's to bind again, not to resume
        if strike(world, blow):
            self.struck[blow.target] += 1
            self.fallen.append((blow.target, time.time()))
            say(f"    {blow}")

    def _is_over(self, world: World) -> bool:
        return self.status == "DONE" and (world.client is None or world.client.poll() is not None)

    def _look(self, world: World) -> bool:
        """Ask the server, past the proxy, how things stand; return whether it was asked and answered."""
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + LOOK_EVERY
        try:
            if self._workflow_id is None:
                found = world.api.workflows()["workflows"]
                bound = [one for one in found if one["status"] != "REGISTERED"]
                self._workflow_id = bound[0]["workflow_id"] if bound else None
                return True
            self.status = world.api.workflow(self._workflow_id)["status"]
            done = world.api.workflow_tasks(self._workflow_id, status="DONE", limit=1000)["tasks"]
        except JobmonError:
            return False
        self.acknowledged.update(task["task_instance_id"] for task in done)
        return True

    def _tend(self, world: World) -> None:
        """Do what a user does whose command was killed or gave up: resume, once that is possible."""
        if world.client is None or world.client.poll() is None:
            return
        if self._workflow_id is None:
            self._look_at = 0.0
            if not self._look(world) or self._workflow_id is not None:
                return
            world.start_client("run", world.home / FILE)
        elif self.status in RESUMABLE:
            self.resumes += 1
            self.status = "UNKNOWN"
            world.start_client("resume", self._workflow_id)

    def _keep(self, world: World, verdict: Verdict, say: Say) -> None:
        if verdict.is_right:
            world.drop()
            shutil.rmtree(world.home, ignore_errors=True)
            return
        story = {
            "seed": self.seed,
            "run": self.number,
            "lost_contact": self.lost_contact,
            "schedule": [str(blow) for blow in (*self.blows, *self.cuts)],
            "verdict": verdict.to_json(),
            "journals": journals(world, verdict),
        }
        (world.home / "story.json").write_text(json.dumps(story, indent=1, default=str))
        say(f"    kept: {world.home}")


def answers(world: World) -> bool:
    """Whether the server does, spoken to directly."""
    try:
        world.api.health()
    except JobmonError:
        return False
    return True
