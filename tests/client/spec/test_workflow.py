from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobmon_client import Workflow
from jobmon_client.spec.definition import InvalidDefinition, TaskDefinition, calls, find_cycle, in_order


def test_a_few_lines_make_a_workflow() -> None:
    workflow = Workflow("letters", max_concurrently_running=3, cluster="dummy", max_attempts=2)
    workflow.array("small", max_concurrently_running=1)
    first = workflow.task("a", "echo a")
    workflow.task("b", "echo b", upstream=[first, "c"], max_attempts=7, array="small")
    workflow.task("c", "echo c", requested_resources={"memory": 3}, priority=5)
    definition = workflow.definition
    assert definition.payload() == {"name": "letters", "max_concurrently_running": 3}
    assert definition.arrays == {"small": 1}
    both = {"cluster": "dummy"}
    assert [task.payload() for task in definition.tasks] == [
        both | {"name": "a", "command": "echo a", "upstream": [], "max_attempts": 2},
        both
        | {"name": "b", "command": "echo b", "upstream": ["a", "c"], "max_attempts": 7, "array": "small"},
        both
        | {"name": "c", "command": "echo c", "upstream": [], "max_attempts": 2}
        | {"requested_resources": {"memory": 3}, "priority": 5},
    ]


def test_errors_come_before_any_call() -> None:
    workflow = Workflow("bad")
    workflow.task("a", "true", upstream=["b"])
    for name, fields, said in (
        ("a", {}, "another task has this name"),
        ("x", {"upstream": 3}, "a list of task names"),
        ("x", {"upstream": ["a", [None]]}, "a list of task names"),
        ("x", {"retries": 3}, "retries: unknown key"),
        ("x", {"max_attempts": True}, "max_attempts"),
        ("x", {"attributes": {"a": float("nan")}}, "attributes"),
        ("x\0", {}, "name"),
        ("\ud800", {}, "name"),
        ("x" * 256, {}, "name"),
    ):
        with pytest.raises(InvalidDefinition, match=said):
            workflow.task(name, "true", **fields)
    with pytest.raises(InvalidDefinition, match="a: its upstream 'b' is no task"):
        _ = workflow.definition
    workflow.task("b", "true", upstream=["a"])
    with pytest.raises(InvalidDefinition, match=r"wait for each other: (a -> b -> a|b -> a -> b)"):
        workflow.run()


@pytest.mark.property
@given(
    st.integers(1, 12).flatmap(
        lambda size: st.tuples(
            st.just(size), st.sets(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)))
        )
    )
)
def test_an_order_or_a_cycle(graph: tuple[int, set[tuple[int, int]]]) -> None:
    size, edges = graph
    upstreams = {str(n): [str(up) for up, down in edges if down == n] for n in range(size)}
    ordered, cycle = in_order(upstreams), find_cycle(upstreams)
    if cycle:
        assert len(ordered) < size
        assert cycle[0] == cycle[-1]
        assert all(up in upstreams[down] for up, down in pairwise(cycle))
    else:
        assert sorted(ordered) == sorted(upstreams)
        assert all(
            ordered.index(up) < ordered.index(down) for down, above in upstreams.items() for up in above
        )


def test_many_tasks_are_bound_in_pieces_in_which_upstreams_come_first() -> None:
    tasks = [
        TaskDefinition(name=str(n), command="true", upstream=(str(n + 1),) if n < 24 else ())
        for n in range(25)
    ]
    pieces = [[task["name"] for task in piece] for piece in calls(tasks, most=10)]
    assert [len(piece) for piece in pieces] == [10, 10, 5]
    assert [name for piece in pieces for name in piece] == [str(n) for n in reversed(range(25))]
    by_size = list(calls(tasks, most_bytes=200))
    assert [task["name"] for piece in by_size for task in piece] == [str(n) for n in reversed(range(25))]
    assert len(by_size) > 3
    assert len(list(calls(tasks))) == 1
