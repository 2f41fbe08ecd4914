"""The server on a fresh database, the model beside it, and how an answer is compared with the plan."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, invariant

from jobmon_client.states import Outcome
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.app import create_app
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from jobmon_server.fsm.plan import Plan
from tests.server.actions import rows
from tests.server.actions.model import Model
from tests.server.actions.words import made
from tests.support.databases import Source
from tests.support.path import Path

HTTP = {Outcome.INVALID: 409, Outcome.FENCED: 409}


class Driver(RuleBasedStateMachine):
    """One run of the test; the rules are in `life`."""

    source: Source

    def __init__(self) -> None:
        """Make the database; `teardown` drops it."""
        super().__init__()
        self.resources = ExitStack()
        url = self.resources.enter_context(self.source.with_schema())
        self.database = Database.connect(url)
        self.resources.callback(self.database.dispose)
        self.path = Path(create_app(self.database).test_client())
        self.model = Model()
        self.batches: list[tuple[int, int, list[int]]] = []
        self.acknowledged: set[str] = set()
        self.checked: dict[str, Any] = {}
        self.said: list[tuple[int, str, dict[str, Any]]] = []

    def teardown(self) -> None:
        """Check once more, and drop the database."""
        found = self.database.read(check)
        self.resources.close()
        assert found == []

    def _pick(self, index: int) -> int:
        """One of the instances, the newest at 0."""
        keys = sorted(self.model.instances)
        return keys[-1 - index % len(keys)]

    def _forget_rerun(self, verb: str) -> None:
        if verb == "rerun":
            self.acknowledged &= {name for name, one in self.model.tasks.items() if one.status is T.DONE}

    def _say(self, key: int, name: str, body: dict[str, Any]) -> None:
        self.said.append((key, name, body))
        reply = self.path.report(key, name, **body)
        plan = self.model.report(key, made(name, body))
        self.model.settle()
        answer = reply.get_json()
        assert reply.status_code == HTTP.get(plan.outcome, 200), answer
        assert (answer["outcome"], answer["status"], answer["task_status"]) == (
            plan.outcome,
            plan.task_instance,
            plan.task,
        )
        may_start = name == "log_running" and plan.outcome in {Outcome.APPLIED, Outcome.DUPLICATE}
        assert ("task_instance" in answer) == may_start
        self._keep_acknowledged(key, name, plan)

    def _keep_acknowledged(self, key: int, name: str, plan: Plan) -> None:
        accepted = plan.outcome in {Outcome.APPLIED, Outcome.DUPLICATE}
        if name == "log_done" and accepted and plan.task is T.DONE:
            self.acknowledged.add(self.model.instances[key].task)

    def _compare_claim(self, body: Any, plans: dict[int, Plan]) -> None:
        given = {step["task_instance_id"] for batch in body["batches"] for step in batch["task_instances"]}
        may_have = {Outcome.APPLIED, Outcome.DUPLICATE}
        assert given == {key for key, plan in plans.items() if plan.outcome in may_have}
        told = {item["task_instance_id"]: item["outcome"] for item in body["outcomes"]}
        assert told == {
            key: plan.outcome for key, plan in plans.items() if plan.outcome is not Outcome.APPLIED
        }

    def _compare_batch(self, answer: Any, plans: list[tuple[int, Plan, TI | None]]) -> None:
        self.model.settle()
        assert answer["applied"] == sum(plan.applied for _, plan, _ in plans)
        expected = [
            (key, plan.outcome, plan.task_instance, plan.task)
            for key, plan, wanted in plans
            if not plan.applied or (wanted is not None and plan.task_instance is not wanted)
        ]
        words = ("task_instance_id", "outcome", "status", "task_status")
        assert [tuple(item[word] for word in words) for item in answer["outcomes"]] == expected

    @invariant()
    def the_database_is_as_the_model_says(self) -> None:
        """Every row, and the workflow's status; an acknowledged DONE stays, whatever the model says."""
        if not self.model.tasks:
            return
        found = self.database.read(rows.read)
        assert found == self.model.rows()
        assert {name for name in self.acknowledged if found["tasks"][name][0] is not T.DONE} == set()
        if found != self.checked:  # a refusal changes no row that a rule reads
            assert self.database.read(check) == []
            self.checked = found
