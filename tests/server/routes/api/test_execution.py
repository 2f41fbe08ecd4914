"""Where commands run and with what environment: recorded when they are bound, told to whoever runs them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.path import ME, RUNNING, Path, task


def assignment(path: Path) -> dict[str, Any]:
    """What the worker of the next instance is told."""
    (one,) = path.queue(limit=1)
    path.claim([one])
    found: dict[str, Any] = path.running(one).get_json()["task_instance"]
    return found


def test_a_task_runs_where_its_workflow_says_unless_it_says_where_itself(path: Path) -> None:
    path.bind(task("a"), task("b", "a", working_directory="/srv/b"), working_directory="/srv/all").start()
    assert assignment(path)["working_directory"] == "/srv/all"
    assert path.get(f"/workflow/{path.workflow_id}")["working_directory"] == "/srv/all"
    assert path.get(f"/task/{path.task_ids['a']}")["working_directory"] == "/srv/all"
    assert path.get(f"/task/{path.task_ids['b']}")["working_directory"] == "/srv/b"


def test_who_says_nothing_is_told_nothing(path: Path) -> None:
    path.bind(task("a")).start()
    told = assignment(path)
    assert (told["working_directory"], told["environment"]) == (None, None)
    assert path.get(f"/workflow/{path.workflow_id}")["environment"] is None


def test_a_tasks_environment_goes_over_its_workflows(path: Path) -> None:
    of_workflow, of_task = {"A": "1", "B": "é\n"}, {"B": "", "C": "3"}
    path.bind(task("a", environment=of_task), environment=of_workflow).start()
    assert assignment(path)["environment"] == {"A": "1", "B": "", "C": "3"}
    assert path.get(f"/task/{path.task_ids['a']}")["environment"] == of_task
    assert path.get(f"/workflow/{path.workflow_id}")["environment"] == of_workflow


def test_a_workflows_environment_holds_for_tasks_without_one(path: Path) -> None:
    path.bind(task("a"), environment={"A": "1"}).start()
    assert assignment(path)["environment"] == {"A": "1"}


def test_a_repeated_start_is_told_it_again(path: Path) -> None:
    path.bind(task("a"), environment={"A": "1"}, working_directory="/").start()
    one = path.run_one()
    again = path.running(one, ME).get_json()
    assert (again["outcome"], again["task_instance"]["environment"]) == ("duplicate", {"A": "1"})
    assert again["task_instance"]["working_directory"] == "/"


def test_a_claim_with_details_has_both(path: Path) -> None:
    path.bind(task("a", environment={"B": "2"}), environment={"A": "1"}, working_directory="/srv").start()
    ids = path.queue()
    facts = {"distributor": "d", "next_report_increment": 60, "detail": True, "task_instance_ids": ids}
    (batch,) = path.post("/task_instance/instantiate_task_instances", **facts).get_json()["batches"]
    (step,) = batch["task_instances"]
    assert (batch["environment"], step["environment"]) == ({"A": "1"}, {"B": "2"})
    assert step["working_directory"] == "/srv"


WRONG = [
    ("working_directory", "relative"),
    ("working_directory", ""),
    ("working_directory", "/a\x00b"),
    ("working_directory", "/" + "é" * 2048),
    ("environment", {"JOBMON_TOKEN": "x"}),
    ("environment", {"JOBMON_": "x"}),
    ("environment", {"": "x"}),
    ("environment", {"A=B": "x"}),
    ("environment", {"A\x00": "x"}),
    ("environment", {"A": "x\x00"}),
    ("environment", {"A": 1}),
    ("environment", {"A": None}),
    ("environment", []),
    ("environment", {str(number): "" for number in range(1001)}),
    ("environment", {f"A{number}": "x" * 30_000 for number in range(3)}),
    ("retry_delay", -1),
    ("retry_delay", True),
    ("retry_delay", 2_592_001),
    ("retry_delay", {"factor": 2}),
    ("retry_delay", {"seconds": 1, "factor": 0.5}),
    ("retry_delay", {"seconds": 1, "jitter": 1.5}),
    ("retry_delay", {"seconds": 1, "more": 1}),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=lambda value: str(value)[:30])
def test_what_cannot_be_is_refused_by_name(path: Path, field: str, value: Any) -> None:
    refused = path.post("/workflow", name="a workflow", **{field: value})
    assert refused.status_code == 422
    assert refused.get_json()["error"]["details"][0]["field"].startswith(field)
    path.bind()
    refused = path.post(f"/workflow/{path.workflow_id}/tasks", tasks=[task("a", **{field: value})])
    assert refused.status_code == 422
    assert refused.get_json()["error"]["details"][0]["field"].startswith(f"tasks.0.{field}")


@pytest.mark.parametrize(
    "given", [{"working_directory": "/b"}, {"environment": {"A": "2"}}, {"retry_delay": 6}]
)
def test_another_place_or_environment_is_another_definition(path: Path, given: dict[str, Any]) -> None:
    first = {"working_directory": "/a", "environment": {"A": "1"}, "retry_delay": 5}
    identity = {"client_id": "c", "request_id": "r"}
    path.bind(task("a", **first), **identity, **first)
    again = path.post("/workflow", name="a workflow", **identity, **{**first, **given}).get_json()
    assert again["differed"] == list(given)
    tasks = [task("a", **{**first, **given})]
    again = path.post(f"/workflow/{path.workflow_id}/tasks", tasks=tasks).get_json()
    assert again["differed"] == ["a"]
    same = [task("a", **{**first, "retry_delay": {"seconds": 5.0}})]
    assert path.post(f"/workflow/{path.workflow_id}/tasks", tasks=same).get_json()["differed"] == []


def test_null_is_not_given(path: Path) -> None:
    nothing = dict.fromkeys(("working_directory", "environment", "retry_delay"))
    path.bind(task("a"), client_id="c", request_id="r")
    again = path.post("/workflow", name="a workflow", client_id="c", request_id="r", **nothing)
    assert again.get_json()["differed"] == []
    again = path.post(f"/workflow/{path.workflow_id}/tasks", tasks=[task("a", **nothing)])
    assert again.get_json()["differed"] == []


def test_a_start_without_an_environment_asks_for_none(path: Path) -> None:
    path.bind(task("a"), task("b", environment={"A": "1"})).start()
    first, second = path.queue()
    path.claim([first, second])
    items = [
        {"task_instance_id": one, "report": "log_running", "worker_id": ME, **RUNNING}
        for one in (first, second)
    ]
    assert path.reports(*items)["applied"] == 2
