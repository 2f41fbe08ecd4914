"""The distributor against the real server, with a cluster whose jobs do what the test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobmon_client import config
from jobmon_client.api.client import Api
from jobmon_client.clusters.base import Batch, ClusterContext, ExitInfo, Item
from jobmon_client.clusters.dummy import DummyCluster
from jobmon_client.distributor.service import Distributor
from jobmon_client.errors import ClusterError
from jobmon_client.http import Http
from jobmon_client.states import TaskInstanceStatus
from tests.support.server import LiveServer
from tests.support.waiting import eventually


class Scripted:
    """A cluster that accepts everything and runs nothing."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.alive: set[str] = set()
        self.cancelled: set[str] = set()
        self.ends: dict[str, ExitInfo] = {}
        self.on_submit: Callable[[Item], bool] = lambda _item: True

    def start(self) -> None:
        """Nothing to do."""

    def submit(self, batch: Batch) -> dict[int, str]:
        self.batches.append(batch)
        taken = [item for item in batch.items if self.on_submit(item)]
        ids = {item.array_step_id: f"job-{item.task_instance_id}" for item in taken}
        self.alive.update(ids.values())
        return ids

    def active(self, distributor_ids: Collection[str]) -> set[str]:
        return self.alive & set(distributor_ids)

    def cancel(self, distributor_ids: Collection[str]) -> None:
        self.cancelled.update(distributor_ids)

    def exit_info(self, distributor_id: str) -> ExitInfo | None:
        return self.ends.get(distributor_id)

    def capacity(self) -> int | None:
        return None

    def stop(self) -> None:
        """Nothing to do."""


class World:
    """A server, and distributors of a scripted cluster."""

    def __init__(self, url: str, home: Path) -> None:
        self.api = Api(Http(url, budget=10))
        self.url = url
        self.home = home
        self.cluster = Scripted()

    def settings(self, **flags: Any) -> config.Settings:
        return config.load(
            {"server_url": self.url, "data_dir": self.home / "jobmon", **flags}, {"HOME": str(self.home)}
        )

    def distributor(self, workflow_id: int | None = None, **flags: Any) -> Distributor:
        settings = self.settings(**flags)
        stop, wake = threading.Event(), threading.Event()
        return Distributor(
            self.api, self.cluster, "mine", settings, stop=stop, wake=wake, workflow_id=workflow_id
        )

    def queue(self, *names: str, **fields: Any) -> tuple[int, list[int]]:
        """Bind a workflow, start a run, queue its tasks; return the run's id and the instances'."""
        workflow_id = self.api.bind_workflow("w")["workflow_id"]
        tasks = [{"name": name, "command": f"echo {name}", "cluster": "mine", **fields} for name in names]
        self.api.bind_tasks(workflow_id, tasks)
        run_id = self.api.start_run(workflow_id, next_report_increment=60).body["workflow_run_id"]
        batches = self.api.queue_tasks(run_id)
        return run_id, [one for batch in batches for one in batch["task_instance_ids"]]

    def status(self, task_instance_id: int) -> str:
        return str(self.api.task_instance(task_instance_id)["status"])

    def last_error(self, task_instance_id: int) -> str:
        return str(self.api.error_log(task_instance_id)[-1]["description"])


@pytest.fixture
def world(live_server: LiveServer, tmp_path: Path) -> Iterator[World]:
    made = World(live_server.url, tmp_path)
    yield made
    made.api.close()


def test_what_is_claimed_is_submitted_and_recorded(world: World) -> None:
    run_id, ids = world.queue("a", "b", queue="long", requested_resources={"memory": 2})
    assert world.distributor().cycle() is True
    (batch,) = world.cluster.batches
    assert (batch.cluster, batch.queue, batch.requested_resources) == ("mine", "long", {"memory": 2})
    assert [(item.name, item.command, item.workflow_run_id) for item in batch.items] == [
        ("a", "echo a", run_id),
        ("b", "echo b", run_id),
    ]
    for one in ids:
        instance = world.api.task_instance(one)
        assert (instance["status"], instance["distributor_id"]) == ("LAUNCHED", f"job-{one}")
    assert world.distributor().cycle() is False


def test_only_the_workflow_that_is_asked_for(world: World) -> None:
    _, others = world.queue("other")
    _, ids = world.queue("mine")
    world.distributor(world.api.task_instance(ids[0])["workflow_id"]).cycle()
    assert [world.status(one) for one in (*others, *ids)] == ["QUEUED", "LAUNCHED"]


def test_what_the_cluster_refuses_is_said_so(world: World) -> None:
    _, (refused, taken) = world.queue("refused", "taken")
    world.cluster.on_submit = lambda item: item.name == "taken"
    world.distributor().cycle()
    assert [world.status(refused), world.status(taken)] == ["NO_DISTRIBUTOR_ID", "LAUNCHED"]


class Closed:
    """A queue that is closed for the first so many submissions."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.asked = 0

    def __call__(self, _item: Item) -> bool:
        self.asked += 1
        self.left -= 1
        if self.left >= 0:
            raise ClusterError("the queue is closed")
        return True


def test_what_the_cluster_cannot_take_now_is_submitted_again_later(world: World) -> None:
    _, (one,) = world.queue("a")
    world.cluster.on_submit = closed = Closed(2)
    distributor = world.distributor(step_retry_delays=[0.2, 0.4], heartbeat_interval=0.1)
    distributor.cycle()
    distributor.cycle()
    assert (world.status(one), closed.asked) == ("INSTANTIATED", 1)

    def launched() -> bool:
        distributor.cycle()
        return world.status(one) == "LAUNCHED"

    eventually(launched, 20)
    assert closed.asked == 3
    assert world.api.task_instance(one)["attempt"] == 1


def test_what_the_cluster_never_takes_is_given_up(world: World) -> None:
    _, (one,) = world.queue("a")
    world.cluster.on_submit = closed = Closed(100)
    distributor = world.distributor(step_retry_delays="0,0", step_max_attempts=3)
    for _ in range(5):
        distributor.cycle()
    assert (world.status(one), closed.asked) == ("NO_DISTRIBUTOR_ID", 3)
    assert world.last_error(one) == "the queue is closed"


def test_what_waits_for_the_cluster_and_is_stopped_is_not_submitted_any_more(world: World) -> None:
    run_id, (one,) = world.queue("a")
    world.cluster.on_submit = closed = Closed(100)
    distributor = world.distributor(step_retry_delays="3600", heartbeat_interval=0.05, report_by_factor=100)
    distributor.cycle()
    world.api.terminate(run_id)
    eventually(lambda: (distributor.cycle(), distributor.waiting)[1] == [], 20)
    assert closed.asked == 1
    distributor.drain()
    distributor.cycle()
    assert world.status(one) == "ERROR_FATAL"


def test_a_cluster_that_does_not_answer_is_not_taken_for_an_empty_one(world: World) -> None:
    run_id, (one,) = world.queue("a")
    distributor = world.distributor(step_retry_delays="0", heartbeat_interval=0.05, report_by_factor=100)
    distributor.cycle()
    world.api.log_running(one, worker_id="w", next_report_increment=60, nodename="n", process_group_id=1)
    world.api.terminate(run_id)

    def fail(distributor_ids: Collection[str]) -> set[str]:
        raise OSError(f"no route to the cluster of {len(distributor_ids)} jobs")

    answers, world.cluster.active = world.cluster.active, fail  # type: ignore[method-assign]
    for _ in range(3):
        distributor.drain()
        distributor.cycle()
    assert world.status(one) == "KILL_SELF"
    world.cluster.active = answers  # type: ignore[method-assign]
    world.cluster.alive.clear()
    distributor.drain()
    distributor.cycle()
    assert world.status(one) == "ERROR_FATAL"


def test_of_what_is_triaged_too_often_in_vain_nobody_knows_how_it_ended(world: World) -> None:
    _, (one,) = world.queue("a")
    distributor = world.distributor(heartbeat_interval=60, step_retry_delays="0", step_max_attempts=2)
    distributor.cycle()
    world.api.log_running(one, worker_id="w", next_report_increment=0.1, nodename="n", process_group_id=1)
    eventually(lambda: world.status(one) == "TRIAGING", 10)

    def fail(distributor_id: str) -> ExitInfo | None:
        raise OSError(f"no accounting today of {distributor_id}")

    world.cluster.alive.clear()
    world.cluster.exit_info = fail  # type: ignore[method-assign]
    for expected in ("TRIAGING", "UNKNOWN_ERROR"):
        distributor.drain()
        distributor.cycle()
        assert world.status(one) == expected
    assert "no accounting today" in world.last_error(one)


def test_a_worker_quicker_than_the_distributor(world: World) -> None:
    def run(item: Item) -> bool:
        world.api.log_running(
            item.task_instance_id, worker_id="w", next_report_increment=60, nodename="n", process_group_id=1
        )
        return True

    world.cluster.on_submit = run
    _, (one,) = world.queue("quick")
    world.distributor().cycle()
    instance = world.api.task_instance(one)
    assert (instance["status"], instance["distributor_id"]) == ("RUNNING", f"job-{one}")


def test_a_kill_is_confirmed_when_the_cluster_says_it_is_gone(world: World) -> None:
    run_id, (one,) = world.queue("a")
    distributor = world.distributor()
    distributor.cycle()
    world.api.terminate(run_id)
    distributor.drain()
    distributor.cycle()
    assert world.cluster.cancelled == {f"job-{one}"}
    assert world.status(one) == "KILL_SELF"
    world.cluster.alive.clear()
    distributor.drain()
    distributor.cycle()
    assert world.status(one) == "ERROR_FATAL"


@pytest.mark.parametrize("verb", ["stop", "rerun"])
def test_the_cluster_sees_the_cancel_of_what_is_stopped_or_run_again(world: World, verb: str) -> None:
    _, (one,) = world.queue("a")
    distributor = world.distributor()
    distributor.cycle()
    world.api.act("task", world.api.task_instance(one)["task_id"], verb, reason="not like this")
    distributor.drain()
    distributor.cycle()
    assert (world.cluster.cancelled, world.status(one)) == ({f"job-{one}"}, "KILL_SELF")


def overdue(world: World, status: str) -> int:
    """Return an instance that its worker, or the cluster, left alone for too long."""
    _, (one,) = world.queue("a")
    distributor = world.distributor(heartbeat_interval=0.1, report_by_factor=2)
    distributor.cycle()
    if status == "TRIAGING":
        world.api.log_running(one, worker_id="w", next_report_increment=0.1, nodename="n", process_group_id=1)
    eventually(lambda: world.status(one) == status, 10)
    return one


@pytest.mark.parametrize("status", ["TRIAGING", "NO_HEARTBEAT"])
def test_the_cluster_knows_how_it_ended(world: World, status: str) -> None:
    one = overdue(world, status)
    world.cluster.alive.clear()
    world.cluster.ends[f"job-{one}"] = ExitInfo(TaskInstanceStatus.RESOURCE_ERROR, "out of memory on node 7")
    world.distributor().cycle()
    assert world.status(one) == "RESOURCE_ERROR"
    assert "out of memory on node 7" in world.last_error(one)


def test_of_another_distributors_jobs_nothing_is_guessed(world: World) -> None:
    one = overdue(world, "TRIAGING")
    world.cluster.alive.clear()
    world.distributor().cycle()
    assert [row["to"] for row in world.api.journal(one)][-1] == "TRIAGING"


def test_nobody_knows_how_it_ended(world: World) -> None:
    _, (one,) = world.queue("a")
    distributor = world.distributor(heartbeat_interval=60)
    distributor.cycle()
    world.api.log_running(one, worker_id="w", next_report_increment=0.1, nodename="n", process_group_id=1)
    eventually(lambda: world.status(one) == "TRIAGING", 10)
    distributor.drain()
    distributor.cycle()
    assert world.status(one) == "TRIAGING", "it is alive: its heartbeat may still come"
    world.cluster.alive.clear()
    distributor.drain()
    distributor.cycle()
    assert world.status(one) == "UNKNOWN_ERROR"


def test_what_waits_in_the_cluster_is_kept_alive(world: World) -> None:
    _, (one, gone) = world.queue("a", "gone")
    distributor = world.distributor(heartbeat_interval=0.2, report_by_factor=5)
    distributor.cycle()
    world.cluster.alive.discard(f"job-{gone}")
    first = {n: world.api.task_instance(n)["report_by"] for n in (one, gone)}

    def extended() -> bool:
        distributor.cycle()
        return bool(world.api.task_instance(one)["report_by"] > first[one])

    eventually(extended)
    assert world.api.task_instance(gone)["report_by"] in {first[gone], None}


def test_a_claim_whose_reply_was_lost_is_submitted_after_all(world: World) -> None:
    _, (one,) = world.queue("a")
    distributor = world.distributor(heartbeat_interval=0.05, report_by_factor=100)
    world.api.claim(distributor.name, "mine", 10, next_report_increment=60)

    def launched() -> bool:
        distributor.cycle()
        return world.status(one) == "LAUNCHED"

    eventually(launched)
    assert [item.task_instance_id for batch in world.cluster.batches for item in batch.items] == [one]


def test_no_error_ends_the_loop(world: World) -> None:
    _, (one,) = world.queue("a")
    rounds: list[int] = []

    def capacity() -> int | None:
        rounds.append(1)
        if len(rounds) < 3:
            raise RuntimeError("the cluster's command is missing")
        return None

    world.cluster.capacity = capacity  # type: ignore[method-assign]
    stop, wake = threading.Event(), threading.Event()
    thread = Distributor(world.api, world.cluster, "mine", world.settings(), stop=stop, wake=wake).start()
    eventually(lambda: world.status(one) == "LAUNCHED")
    stop.set()
    wake.set()
    thread.join(5)
    assert not thread.is_alive()


def test_the_dummy_cluster_ends_everything_at_once(world: World) -> None:
    _, ids = world.queue(*map(str, range(25)))
    workflow_id = world.api.task_instance(ids[0])["workflow_id"]
    dummy = DummyCluster(ClusterContext(world.url, world.settings()))
    stop, wake = threading.Event(), threading.Event()
    Distributor(
        world.api, dummy, "mine", world.settings(), stop=stop, wake=wake, workflow_id=workflow_id
    ).cycle()
    dummy.stop()
    assert {world.status(one) for one in ids} == {"DONE"}
