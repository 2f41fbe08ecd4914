"""Limits on what is live at once, changed while the workflow runs; and what queues have at most."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import Path, task


def limit(path: Path, **facts: Any) -> Any:
    return path.post(f"/workflow/{path.workflow_id}/limits", **facts).get_json()


def many(count: int, **facts: Any) -> list[dict[str, Any]]:
    return [task(f"t{number}", **facts) for number in range(count)]


def test_the_limit_of_a_workflow_is_changed_while_it_runs(path: Path, database: Database) -> None:
    path.bind(*many(6), max_concurrently_running=2).start()
    assert len(path.queue()) == 2
    assert limit(path, max_concurrently_running=3) == {
        "outcome": "applied",
        "status": "RUNNING",
        "max_concurrently_running": 3,
        "arrays": [],
    }
    assert len(path.queue()) == 1
    assert limit(path, max_concurrently_running=0)["max_concurrently_running"] == 0
    assert (path.queue(), path.workflow()["tasks"]) == ([], {"QUEUED": 3, "REGISTERING": 3})
    assert limit(path, max_concurrently_running=None)["max_concurrently_running"] is None
    assert len(path.queue()) == 3
    assert path.workflow()["max_concurrently_running"] is None
    assert database.read(check) == []


def test_a_limit_below_what_lives_kills_nothing(path: Path) -> None:
    path.bind(*many(3)).start()
    first, *_ = path.queue()
    limit(path, max_concurrently_running=1)
    assert path.workflow()["tasks"] == {"QUEUED": 3}
    path.claim([first])
    path.running(first)
    path.done(first)
    assert path.queue() == []


def test_the_limit_of_an_array_is_changed_while_it_runs(path: Path) -> None:
    path.bind(*many(4, array="fit"), task("other")).start()
    limit(path, arrays=[{"name": "fit", "max_concurrently_running": 1}])
    assert len(path.queue()) == 2
    said = limit(path, arrays=[{"name": "fit", "max_concurrently_running": 3}])
    assert said["arrays"] == [{"name": "fit", "max_concurrently_running": 3}]
    assert len(path.queue()) == 2
    limit(path, arrays=[{"name": "fit"}])
    assert len(path.queue()) == 1
    arrays = path.get(f"/workflow/{path.workflow_id}/arrays")["arrays"]
    assert [(one["name"], one["max_concurrently_running"]) for one in arrays] == [("", None), ("fit", None)]


def test_the_same_limit_again_is_a_duplicate_and_what_is_left_out_stays(path: Path) -> None:
    path.bind(*many(1), max_concurrently_running=7)
    assert limit(path)["outcome"] == "duplicate"
    assert limit(path, max_concurrently_running=7)["outcome"] == "duplicate"
    assert limit(path, arrays=[{"name": "", "max_concurrently_running": 2}])["outcome"] == "applied"
    assert path.workflow()["max_concurrently_running"] == 7


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"arrays": [{"name": "x", "max_concurrently_running": 1}]}, "arrays.0.name"),
        ({"max_concurrently_running": -1}, "max_concurrently_running"),
        ({"max_concurrently_running": "2"}, "max_concurrently_running"),
        ({"arrays": [{"name": "", "max_concurrently_running": 1.5}]}, "arrays.0.max_concurrently_running"),
        ({"maximum": 2}, "maximum"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_by_name_and_changes_nothing(
    path: Path, facts: dict[str, Any], field: str
) -> None:
    path.bind(*many(1), max_concurrently_running=7)
    reply = path.post(f"/workflow/{path.workflow_id}/limits", **facts)
    assert (reply.status_code, reply.get_json()["error"]["details"][0]["field"]) == (422, field)
    assert path.workflow()["max_concurrently_running"] == 7


def test_the_limits_of_an_unknown_workflow_are_404(path: Path) -> None:
    assert path.post("/workflow/77/limits", max_concurrently_running=1).status_code == 404


def queue(path: Path, cluster: str, name: str, **maximum: float) -> Any:
    reply = path.post("/queue", cluster=cluster, queue=name, maximum=maximum or None)
    assert reply.status_code == 200, reply.get_json()
    return reply.get_json()


def place(path: Path, name: str) -> tuple[str, Any]:
    found = path.get(f"/task/{path.task_ids[name]}")
    return found["queue"], found["requested_resources"]


SHORT = {"cluster": "c", "queue": "small", "resource_scales": {"memory": 1.0}, "max_attempts": 5}


def test_the_maximum_of_a_queue_is_set_listed_and_removed(path: Path) -> None:
    assert queue(path, "c", "small", memory=8)["outcome"] == "applied"
    assert queue(path, "c", "small", memory=8)["outcome"] == "duplicate"
    assert queue(path, "c", "", memory=1)["outcome"] == "applied"
    assert queue(path, "c", "small", memory=9, cores=2)["maximum"] == {"memory": 9, "cores": 2}
    assert queue(path, "d", "small", memory=1)["outcome"] == "applied"
    assert path.get("/queue?cluster=c")["queues"] == [
        {"cluster": "c", "queue": "", "maximum": {"memory": 1}},
        {"cluster": "c", "queue": "small", "maximum": {"memory": 9, "cores": 2}},
    ]
    assert len(path.get("/queue")["queues"]) == 3
    assert queue(path, "c", "small")["outcome"] == "applied"
    assert queue(path, "c", "small")["outcome"] == "duplicate"
    assert len(path.get("/queue")["queues"]) == 2


def test_what_is_too_much_for_its_queue_goes_to_the_first_fallback_that_allows_it(
    path: Path, database: Database
) -> None:
    queue(path, "c", "small", memory=8)
    queue(path, "c", "middle", memory=10)
    queue(path, "elsewhere", "big", memory=1)
    wanted = {"requested_resources": {"memory": 6}, "fallback_queues": ["middle", "big"]}
    path.bind(task("a", **SHORT, **wanted), task("b", **SHORT, **wanted)).start()
    path.error(path.run_one(), "RESOURCE_ERROR")
    assert place(path, "a") == ("big", {"memory": 12})
    assert place(path, "b") == ("small", {"memory": 6})
    (one,) = path.queue(limit=1)
    (batch,) = path.claim([one])["batches"]
    assert (batch["queue"], batch["requested_resources"]) == ("big", {"memory": 12})
    assert database.read(check) == []


def test_what_is_too_much_for_all_is_cut_to_the_last_queues_maximum(path: Path) -> None:
    queue(path, "c", "small", memory=8)
    queue(path, "c", "middle", memory=10)
    wanted = {"requested_resources": {"memory": 6, "cores": 2}, "fallback_queues": ["middle"]}
    path.bind(task("a", **SHORT, **wanted)).start()
    path.error(path.run_one(), "RESOURCE_ERROR")
    assert place(path, "a") == ("middle", {"memory": 10, "cores": 2})
    path.error(path.run_one(), "RESOURCE_ERROR")
    assert place(path, "a") == ("middle", {"memory": 10, "cores": 2})


def test_without_a_fallback_it_is_cut_to_its_own_queues_maximum(path: Path) -> None:
    queue(path, "c", "small", memory=8)
    path.bind(task("a", **SHORT, requested_resources={"memory": 6})).start()
    path.error(path.run_one(), "RESOURCE_ERROR")
    assert place(path, "a") == ("small", {"memory": 8})


@pytest.mark.parametrize(
    ("scales", "field"),
    [
        ({"memory": -0.5}, "memory"),
        ({"memory": "twice"}, "memory"),
        ({"memory": True}, "memory"),
        ({"memory": []}, "memory"),
        ({"memory": [1, None]}, "memory"),
        ({"memory": {"by": 2}}, "memory"),
        ({"cores": 1, "memory": None}, "memory"),
    ],
)
def test_a_scale_that_cannot_be_is_refused_by_name(path: Path, scales: Any, field: str) -> None:
    path.bind(task("known"))
    reply = path.post(
        f"/workflow/{path.workflow_id}/tasks", tasks=[task("ok"), task("bad", resource_scales=scales)]
    )
    details = reply.get_json()["error"]["details"]
    assert (reply.status_code, [one["field"] for one in details]) == (
        422,
        [f"tasks.1.resource_scales.{field}"],
    )
    assert path.workflow()["tasks"] == {"REGISTERING": 1}


@pytest.mark.parametrize("maximum", [{"memory": -1}, {"memory": "8"}, [8], "8", {"memory": True}])
def test_a_maximum_that_cannot_be_is_refused(path: Path, maximum: Any) -> None:
    reply = path.post("/queue", cluster="c", queue="q", maximum=maximum)
    assert reply.status_code == 422
    assert reply.get_json()["error"]["details"][0]["field"].startswith("maximum")
