"""What a distributor does about workers that are out of touch, and about a cluster that cannot be asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobmon_client.clusters.base import ExitInfo
from jobmon_client.distributor.service import Distributor
from jobmon_client.errors import ClusterError
from jobmon_client.states import Proof, TaskInstanceStatus
from tests.e2e.test_distributor import World
from tests.support.server import LiveServer
from tests.support.waiting import eventually

QUICK: dict[str, Any] = {"heartbeat_interval": 0.2, "report_by_factor": 4}


@pytest.fixture
def world(live_server: LiveServer, tmp_path: Path) -> Iterator[World]:
    made = World(live_server.url, tmp_path)
    yield made
    made.api.close()


def triaging(world: World, seconds: float, *, lost_contact: str, **flags: Any) -> tuple[int, Distributor]:
    """An instance that the cluster has and whose worker fell silent, and its distributor."""
    _, (one,) = world.queue("a", lost_contact=lost_contact)
    distributor = world.distributor(**{"heartbeat_interval": 60, **flags})
    distributor.cycle()
    world.api.log_running(one, worker_id="w", next_report_increment=seconds, nodename="n", process_group_id=1)
    eventually(lambda: world.status(one) == "TRIAGING", 20)
    return one, distributor


def look(distributor: Distributor) -> bool:
    """Have it look at what is to be attended."""
    distributor.drain()
    distributor.cycle()
    return True


def test_from_half_of_its_deadline_on_what_must_stop_is_cancelled(world: World) -> None:
    one, distributor = triaging(world, 2, lost_contact="stop")
    look(distributor)
    assert world.cluster.cancelled == set()
    eventually(lambda: look(distributor) and f"job-{one}" in world.cluster.cancelled, 20)


def test_what_may_go_on_is_kept(world: World) -> None:
    one, distributor = triaging(world, 0.5, lost_contact="continue")
    first = world.api.task_instance(one)["report_by"]
    eventually(lambda: look(distributor) and world.api.task_instance(one)["report_by"] != first, 20)
    assert (world.status(one), world.cluster.cancelled) == ("TRIAGING", set())
    assert world.api.journal(one)[-1]["to"] == "TRIAGING"


def test_what_may_go_on_is_kept_for_no_longer_than_its_limit(world: World) -> None:
    one, distributor = triaging(world, 0.5, lost_contact="continue", lost_contact_limit=0)
    eventually(lambda: look(distributor) and f"job-{one}" in world.cluster.cancelled, 20)


def test_what_no_worker_spoke_for_is_cancelled_at_once(world: World) -> None:
    _, (one,) = world.queue("a")
    distributor = world.distributor(heartbeat_interval=0.1, report_by_factor=2)
    distributor.cycle()
    eventually(lambda: world.status(one) == "NO_HEARTBEAT", 20)
    look(distributor)
    assert world.cluster.cancelled == {f"job-{one}"}


@pytest.mark.parametrize("proof", [None, Proof.EXIT])
def test_an_end_is_told_at_once_only_with_proof(world: World, proof: Proof | None) -> None:
    _, (one,) = world.queue("a", lost_contact="stop")
    distributor = world.distributor(heartbeat_interval=60)
    distributor.cycle()
    world.api.log_running(one, worker_id="w", next_report_increment=600, nodename="n", process_group_id=1)
    workflow_id = world.api.task_instance(one)["workflow_id"]
    world.api.act("workflow", workflow_id, "stop")
    world.cluster.alive.clear()
    world.cluster.ends[f"job-{one}"] = ExitInfo(TaskInstanceStatus.ERROR, "it ended with 1", proof)
    look(distributor)
    assert world.status(one) == ("KILL_SELF" if proof is None else "ERROR_FATAL")


def fail(_ids: Collection[str]) -> set[str]:
    raise ClusterError("the controller is away")


def test_while_the_cluster_cannot_be_asked_what_it_has_is_held(world: World) -> None:
    _, (one,) = world.queue("a")
    distributor = world.distributor(**QUICK)
    distributor.cycle()
    world.cluster.active = fail  # type: ignore[assignment,method-assign]
    journal = [("LAUNCHED", "LAUNCHED", "applied")]

    def held() -> bool:
        distributor.cycle()
        told = [(row["from"], row["to"], row["outcome"]) for row in world.api.journal(one)]
        return told[-1:] == journal

    eventually(held, 20)
    first = world.api.task_instance(one)["report_by"]
    eventually(lambda: (distributor.cycle(), world.api.task_instance(one)["report_by"] > first)[1], 20)
    assert world.status(one) == "LAUNCHED"


def test_a_distributor_has_a_patience_of_its_own(world: World) -> None:
    _, (one,) = world.queue("a")
    distributor = world.distributor(cluster_patience=0, **QUICK)
    distributor.cycle()
    world.cluster.active = fail  # type: ignore[assignment,method-assign]
    eventually(lambda: (distributor.cycle(), world.status(one) == "NO_HEARTBEAT")[1], 20)
