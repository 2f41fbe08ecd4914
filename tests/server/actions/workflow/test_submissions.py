"""Submissions: registered by their distributor, found by their own name and by the cluster's number."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import Path, Reply, task


@pytest.fixture
def queued(path: Path) -> list[int]:
    """Three instances that wait."""
    return path.bind(task("a"), task("b"), task("c")).start().queue()


def register(path: Path, name: str, ids: list[int], **facts: Any) -> Reply:
    facts = {"cluster": "slurm", "distributor": "d", **facts}
    return path.post("/submission", submission_uuid=name, task_instance_ids=ids, **facts)


def listed(path: Path, cluster: str = "slurm") -> Any:
    return path.get(f"/submission?cluster={cluster}")


def test_a_submission_is_registered_and_read_back(path: Path, queued: list[int]) -> None:
    reply = register(path, "u1", queued, distributor_id="4711")
    assert (reply.status_code, reply.get_json()["outcome"]) == (201, "applied")
    found = path.get("/submission/u1")
    assert (found["cluster"], found["distributor"], found["distributor_id"]) == ("slurm", "d", "4711")
    assert found["task_instance_ids"] == queued


def test_the_number_may_come_later_and_both_names_mean_the_same(
    path: Path, database: Database, queued: list[int]
) -> None:
    register(path, "u1", queued)
    assert listed(path)["by_distributor_id"] == {}
    said = path.post("/submission/u1/log_distributor_id", distributor_id="4711").get_json()
    assert (said["outcome"], said["distributor_id"]) == ("applied", "4711")
    assert path.post("/submission/u1/log_distributor_id", distributor_id="4711").get_json()["outcome"] == (
        "duplicate"
    )
    other = path.post("/submission/u1/log_distributor_id", distributor_id="4712")
    assert (other.status_code, other.get_json()["outcome"]) == (409, "invalid")
    by_number = path.get("/submission_by_distributor_id?cluster=slurm&distributor_id=4711")
    assert by_number == path.get("/submission/u1")
    assert database.read(check) == []


def test_a_worker_finds_its_instance_by_the_submissions_name_alone(path: Path, queued: list[int]) -> None:
    register(path, "u1", queued)
    found = [path.get(f"/submission/u1/step/{step}")["task_instance_id"] for step in range(3)]
    assert found == queued
    for target in ("/submission/u1/step/3", "/submission/u2/step/0"):
        assert path.client.get(f"/api/v1{target}").status_code == 404


def test_the_same_name_again_is_a_duplicate_and_the_first_stays(path: Path, queued: list[int]) -> None:
    register(path, "u1", queued)
    again = register(path, "u1", queued[:1], cluster="other")
    assert (again.status_code, again.get_json()["outcome"]) == (200, "duplicate")
    assert path.get("/submission/u1")["task_instance_ids"] == queued
    assert listed(path, "other")["submissions"] == []


def test_what_is_removed_is_off_the_list_and_removing_twice_is_a_duplicate(
    path: Path, queued: list[int]
) -> None:
    register(path, "u1", queued[:1], distributor_id="1")
    register(path, "u2", queued[1:], distributor_id="2")
    assert listed(path)["by_distributor_id"] == {"1": "u1", "2": "u2"}
    first = path.post("/submission/u1/remove").get_json()
    assert (first["outcome"], first["remaining"]) == ("applied", 1)
    second = path.post("/submission/u1/remove").get_json()
    assert (second["outcome"], second["remaining"]) == ("duplicate", 1)
    assert listed(path)["by_distributor_id"] == {"2": "u2"}
    assert path.get("/submission/u1")["removed_at"] is not None


def test_a_list_comes_in_pages_and_is_empty_where_there_is_none(path: Path, queued: list[int]) -> None:
    for number in range(3):
        register(path, f"u{number}", queued)
    page = path.get("/submission?cluster=slurm&limit=2")
    assert [one["submission_uuid"] for one in page["submissions"]] == ["u0", "u1"]
    rest = path.get(f"/submission?cluster=slurm&after={page['next']}")
    assert [one["submission_uuid"] for one in rest["submissions"]] == ["u2"]
    nothing: dict[str, Any] = {
        "submissions": [],
        "by_distributor_id": {},
        "next": None,
        "total": 0,
        "limit": 100,
    }
    assert listed(path, "none") == nothing


def test_an_instance_that_is_none_is_named_and_nothing_is_registered(path: Path, queued: list[int]) -> None:
    reply = register(path, "u1", [queued[0], 10**9])
    details = reply.get_json()["error"]["details"]
    assert (reply.status_code, details[0]["field"]) == (422, "task_instance_ids.1")
    assert listed(path)["submissions"] == []


@pytest.mark.parametrize("name", ["a/b", "", "..", "x" * 256])
def test_a_name_that_cannot_stand_in_a_path_is_refused(path: Path, name: str) -> None:
    reply = register(path, name, [])
    assert (reply.status_code, reply.get_json()["error"]["details"][0]["field"]) == (422, "submission_uuid")


def test_what_is_unknown_is_404(path: Path) -> None:
    assert path.post("/submission/u/remove").status_code == 404
    assert path.post("/submission/u/log_distributor_id", distributor_id="1").status_code == 404
    assert path.client.get("/api/v1/submission/u").status_code == 404
    assert (
        path.client.get("/api/v1/submission_by_distributor_id?cluster=c&distributor_id=1").status_code == 404
    )
