"""The life of one workflow as its callers make it, in any order, late and again, beside the model of what must follow."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from jobmon_client.states import Outcome
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import WorkflowRunStatus as Run
from jobmon_client.states import WorkflowStatus as W
from jobmon_server.actions.reporting.deadlines import reap
from jobmon_server.actions.reporting.report_types import log_launched, log_report_by_batch
from jobmon_server.fsm.task_instance import WHEN_OVERDUE
from tests.server.actions import rows
from tests.server.actions.driver import HTTP, Driver
from tests.server.actions.model import Task
from tests.server.actions.words import INCREMENT, NEXT, back, distributors, made, reports, verbs
from tests.support.path import task


class Life(Driver):
    """All that callers do."""

    # ------------------------------------------------------------------ the run

    @initialize(attempts=st.lists(st.integers(1, 3), min_size=3, max_size=3))
    def bind_and_start(self, attempts: list[int]) -> None:
        """Bind a, b and c after a, and start a run."""
        self.path.bind()
        for name, upstream, most in zip("abc", ([], [], ["a"]), attempts, strict=True):
            self.path.add(task(name, *upstream, max_attempts=most))
            self.model.tasks[name] = Task(most, upstream)
        self.path.start()
        self.model.run, self.model.status = Run.BOUND, W.RUNNING

    @precondition(lambda self: len(self.model.tasks) < 5)
    @rule()
    def bind_another(self) -> None:
        """Bind one more task after b; refused once the workflow is over."""
        name = "de"[len(self.model.tasks) - 3]
        path = f"/workflow/{self.path.workflow_id}/tasks"
        reply = self.path.post(path, tasks=[task(name, "b", max_attempts=1)])
        if self.model.status in {W.DONE, W.STOPPED}:
            assert reply.status_code == 409, reply.get_json()
            return
        assert reply.status_code == 201, reply.get_json()
        self.path.task_ids[name] = reply.get_json()["task_ids"][0]
        self.model.tasks[name] = Task(1, ["b"])
        self.model.settle()

    @rule(limit=st.sampled_from([None, 1, 2]))
    def queue(self, limit: int | None) -> None:
        """Queue what is ready."""
        facts = {} if limit is None else {"limit": limit}
        reply = self.path.post(f"/workflow_run/{self.path.run_id}/queue_tasks", **facts)
        if not self.model.run_alive:
            assert (reply.status_code, reply.get_json()["status"]) == (409, self.model.run)
            return
        assert reply.status_code == 200, reply.get_json()
        expected = self.model.queueable()[:limit]
        self.model.run, self.model.run_overdue = Run.RUNNING, False
        for batch in reply.get_json()["batches"]:
            ids = batch["task_instance_ids"]
            self.batches.append((batch["array_id"], batch["batch_num"], ids))
            for key in ids:
                self.model.queue(expected.pop(0), key)
        assert expected == []
        self.model.settle()

    @rule()
    def heartbeat_of_the_run(self) -> None:
        """The owner lives."""
        reply = self.path.post(f"/workflow_run/{self.path.run_id}/log_heartbeat", **INCREMENT)
        assert reply.status_code == (200 if self.model.run_alive else 409), reply.get_json()
        if self.model.run_alive:
            self.model.run, self.model.run_overdue = Run.RUNNING, False
            self.model.settle()
        assert reply.get_json()["status"] == self.model.run

    @rule(resume=st.sampled_from([None, "cold", "hot", "hot"]))
    def start_again(self, resume: str | None) -> None:
        """Start or resume, where that is allowed."""
        facts = INCREMENT if resume is None else {"resume": resume, **INCREMENT}
        reply = self.path.post(f"/workflow/{self.path.workflow_id}/workflow_run", **facts)
        then = self.model.start(resume)
        assert reply.status_code == (409 if then is None else 201), reply.get_json()
        if then is not None:
            self.model = then
            self.path.run_id = reply.get_json()["workflow_run_id"]

    @rule()
    def terminate(self) -> None:
        """End the run."""
        reply = self.path.post(f"/workflow_run/{self.path.run_id}/terminate")
        was, applied = self.model.run, 0
        if self.model.run_alive:
            outcomes = [self.model.act(name, "start afresh").outcome for name in self.model.tasks]
            applied = outcomes.count(Outcome.APPLIED)
            self.model.run = Run.STOPPED
            self.model.settle()
            expected = Outcome.APPLIED
        else:
            expected = Outcome.DUPLICATE if was is Run.STOPPED else Outcome.INVALID
        body = reply.get_json()
        assert (body["outcome"], body["status"]) == (expected, self.model.run)
        assert reply.status_code == HTTP.get(expected, 200)
        assert expected is Outcome.INVALID or body["applied"] == applied

    # ------------------------------------------------------------- the operator

    @rule(index=st.integers(0, 4), verb=verbs)
    def act_on_a_task(self, index: int, verb: str) -> None:
        """Stop, pause, play, retry or rerun one task."""
        name = sorted(self.model.tasks)[index % len(self.model.tasks)]
        reply = self.path.post(f"/task/{self.path.task_ids[name]}/{verb}", reason="why not")
        act = self.model.act(name, verb)
        self.model.settle()
        body = reply.get_json()
        assert reply.status_code == HTTP.get(act.outcome, 200), body
        assert (body["outcome"], body["status"]) == (act.outcome, act.task)
        self._forget_rerun(verb)

    @rule(verb=verbs)
    def act_on_the_workflow(self, verb: str) -> None:
        """The same for all tasks at once."""
        reply = self.path.post(f"/workflow/{self.path.workflow_id}/{verb}", reason="why not")
        outcome, applied = self.model.act_on_all(verb)
        self.model.settle()
        body = reply.get_json()
        assert (body["outcome"], body["status"]) == (outcome, self.model.status)
        assert outcome is Outcome.INVALID or body["applied"] == applied
        self._forget_rerun(verb)

    # ----------------------------------------------- distributors and workers

    @precondition(lambda self: self.model.instances)
    @rule(indexes=st.lists(back, min_size=1, max_size=3), distributor=distributors)
    def claim(self, indexes: list[int], distributor: str) -> None:
        """Claim instances by id."""
        keys = list(dict.fromkeys(self._pick(index) for index in indexes))
        body = self.path.claim(keys, distributor=distributor)
        self._compare_claim(body, {key: self.model.claim(key, distributor) for key in keys})

    @rule(limit=st.integers(1, 3), distributor=distributors)
    def claim_next(self, limit: int, distributor: str) -> None:
        """Claim what waits for the cluster."""
        facts = {"cluster": "local", "limit": limit, "distributor": distributor, **INCREMENT}
        body = self.path.post("/task_instance/instantiate_task_instances", **facts).get_json()
        keys = self.model.claimable(limit)
        self._compare_claim(body, {key: self.model.claim(key, distributor) for key in keys})

    @precondition(lambda self: self.model.instances)
    @rule(index=back, news=reports)
    def report(self, index: int, news: tuple[str, dict[str, Any]]) -> None:
        """Anybody says anything about any instance."""
        self._say(self._pick(index), *news)

    @precondition(lambda self: self.model.instances)
    @rule(index=back)
    def go_well(self, index: int) -> None:
        """What is due is said, so that lives get long."""
        key = self._pick(index)
        status = self.model.instances[key].status
        if status is TI.QUEUED:
            self._compare_claim(self.path.claim([key], distributor="d1"), {key: self.model.claim(key, "d1")})
        elif status in NEXT:
            self._say(key, *NEXT[status])

    @precondition(lambda self: self.said)
    @rule(index=st.integers(0, 30))
    def say_again(self, index: int) -> None:
        """A copy of an old request arrives, word for word."""
        self._say(*self.said[-1 - index % len(self.said)])

    # ---------------------------------------------------------------- batches

    @precondition(lambda self: self.model.instances)
    @rule(indexes=st.lists(back, min_size=1, max_size=4))
    def heartbeat_batch(self, indexes: list[int]) -> None:
        """A reconciler, or a node's agent, says that these live."""
        keys = list(dict.fromkeys(self._pick(index) for index in indexes))
        reply = self.path.post("/task_instance/log_report_by/batch", task_instance_ids=keys, **INCREMENT)
        news = log_report_by_batch(**INCREMENT)
        self._compare_batch(reply.get_json(), [(key, self.model.report(key, news), None) for key in keys])

    @precondition(lambda self: self.batches)
    @rule(index=back)
    def launch_batch(self, index: int) -> None:
        """The cluster accepted a whole array."""
        array_id, batch_num, keys = self.batches[-1 - index % len(self.batches)]
        ids = {str(step): f"c_{step}" for step in range(len(keys))}
        path = f"/array/{array_id}/batch/{batch_num}/log_launched"
        reply = self.path.post(path, distributor_ids=ids, **INCREMENT)
        news = log_launched(distributor_id="c", **INCREMENT)
        self._compare_batch(
            reply.get_json(), [(key, self.model.report(key, news), TI.LAUNCHED) for key in keys]
        )

    @precondition(lambda self: self.model.instances)
    @rule(items=st.lists(st.tuples(back, reports), min_size=1, max_size=6))
    def mixed_reports(self, items: list[tuple[int, tuple[str, dict[str, Any]]]]) -> None:
        """Many reports in one call, one of nothing and one that is none among them."""
        said = [(self._pick(index), *news) for index, news in items]
        call = [{"task_instance_id": key, "report": name, **body} for key, name, body in said]
        call += [{"task_instance_id": 10**9, "report": "log_done", "worker_id": "w1"}, {"report": "log_dome"}]
        plans = []
        for key, name, body in said:
            news = made(name, body)
            plan = self.model.report(key, news)
            plans.append((key, plan, news.wanted))
            self._keep_acknowledged(key, name, plan)
        answer = self.path.post("/reports", reports=call).get_json()
        strays = [answer["outcomes"].pop() for _ in range(2)]
        assert [stray["outcome"] for stray in strays] == [Outcome.MALFORMED, Outcome.UNKNOWN]
        self._compare_batch(answer, plans)

    # -------------------------------------------------------------- deadlines

    @precondition(lambda self: self.model.instances)
    @rule(index=back)
    def a_deadline_passes(self, index: int) -> None:
        """Nobody spoke in time, and the reaper has not looked yet."""
        key = self._pick(index)
        if self.model.instances[key].status in WHEN_OVERDUE:
            self.database.transact(rows.overdue, key)
            self.model.instances[key].overdue = True

    @rule()
    def the_run_falls_silent(self) -> None:
        """Its owner has not spoken in time."""
        if self.model.run_alive:
            self.database.transact(rows.run_overdue, self.path.run_id)
            self.model.run_overdue = True

    @rule()
    def the_reaper_passes(self) -> None:
        """What is overdue moves on."""
        reap(self.database)
        self.model.reap()
