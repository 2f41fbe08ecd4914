from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from jobmon_client.spec import wfformat
from jobmon_client.spec.definition import InvalidDefinition

Trace = dict[str, Any]
TRACE: Trace = {
    "name": "forked",
    "schemaVersion": "1.5",
    "workflow": {
        "specification": {
            "tasks": [
                {"id": "join", "parents": ["a", "b"], "children": []},
                {"id": "a", "parents": [], "children": ["join"]},
                {"id": "b", "parents": [], "children": ["join"]},
            ]
        },
        "execution": {
            "tasks": [
                {"id": "a", "runtimeInSeconds": 1.5},
                {"id": "b", "runtimeInSeconds": 0},
                {"id": "join", "runtimeInSeconds": 1e-3},
            ]
        },
    },
}


def changed(change: Callable[[Trace, list[Any], list[Any]], object]) -> Trace:
    trace = copy.deepcopy(TRACE)
    change(trace, trace["workflow"]["specification"]["tasks"], trace["workflow"]["execution"]["tasks"])
    return trace


def test_ids_become_names_and_runtimes_become_sleeps() -> None:
    workflow = wfformat.workflow_of(TRACE, 0.1, "file")
    assert workflow.name == "forked"
    assert {task.name: (task.command, task.upstream) for task in workflow.tasks} == {
        "join": ("sleep 0.000100", ("a", "b")),
        "a": ("sleep 0.150000", ()),
        "b": ("sleep 0.000000", ()),
    }


BROKEN: dict[str, tuple[Callable[[Trace, list[Any], list[Any]], object], list[str]]] = {
    "no version": (lambda trace, _s, _e: trace.pop("schemaVersion"), ["schemaVersion", "missing", '"1.5"']),
    "other version": (lambda trace, _s, _e: trace.update(schemaVersion="1.4"), ["'1.4'", '"1.5"']),
    "number as version": (lambda trace, _s, _e: trace.update(schemaVersion=1.5), ["1.5", '"1.5"']),
    "list as version": (
        lambda trace, _s, _e: trace.update(schemaVersion=["1.5"]),
        ["schemaVersion", '"1.5"'],
    ),
    "no execution": (
        lambda trace, _s, _e: trace["workflow"].pop("execution"),
        ["workflow.execution.tasks", "missing"],
    ),
    "no object": (lambda _t, specified, _e: specified.append(7), ["workflow.specification.tasks.3"]),
    "no id": (lambda _t, specified, _e: specified[1].pop("id"), ["tasks.1.id", "missing"]),
    "missing parent": (
        lambda _t, specified, _e: specified[0]["parents"].append("ghost"),
        ["join", "'ghost'"],
    ),
    "missing child": (lambda _t, specified, _e: specified[1]["children"].append("ghost"), ["a", "'ghost'"]),
    "unknown to the parent": (
        lambda _t, specified, _e: specified[1]["children"].clear(),
        ["join", "'a'", "as a child"],
    ),
    "unknown to the child": (
        lambda _t, specified, _e: specified[0]["parents"].remove("a"),
        ["a", "'join'", "as a parent"],
    ),
    "cycle": (
        lambda _t, specified, _e: (
            specified[0]["children"].append("a"),
            specified[1]["parents"].append("join"),
        ),
        ["wait for each other", "join -> a -> join"],
    ),
    "twice": (lambda _t, specified, _e: specified.append(dict(specified[1])), ["a", "twice"]),
    "run twice": (lambda _t, _s, executed: executed.append(dict(executed[1])), ["b", "twice"]),
    "no runtime": (lambda _t, _s, executed: executed[0].pop("runtimeInSeconds"), ["a", "runtimeInSeconds"]),
    "never run": (lambda _t, _s, executed: executed.pop(), ["join", "runtimeInSeconds"]),
    "negative": (lambda _t, _s, executed: executed[0].update(runtimeInSeconds=-1), ["a", "-1"]),
    "NaN": (lambda _t, _s, executed: executed[0].update(runtimeInSeconds=float("nan")), ["a", "nan"]),
    "endless": (lambda _t, _s, executed: executed[0].update(runtimeInSeconds=float("inf")), ["a", "inf"]),
    "text": (lambda _t, _s, executed: executed[0].update(runtimeInSeconds="3"), ["a", "'3'"]),
}


@pytest.mark.parametrize(("change", "said"), BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_is_named(
    change: Callable[[Trace, list[Any], list[Any]], object], said: list[str]
) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        wfformat.workflow_of(changed(change), 1.0, "some.json")
    for part in ["some.json", *said]:
        assert part in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    def change(_trace: Trace, specified: list[Any], executed: list[Any]) -> None:
        specified[0]["parents"].append("ghost")
        executed[0]["runtimeInSeconds"] = -1

    with pytest.raises(InvalidDefinition) as caught:
        wfformat.workflow_of(changed(change), 1.0, "")
    assert [problem.where for problem in caught.value.problems] == ["join", "a"]


@pytest.mark.parametrize("scale", [-1.0, float("nan"), float("inf")])
def test_a_time_scale_is_a_number_from_0(scale: float) -> None:
    with pytest.raises(InvalidDefinition, match="time scale"):
        wfformat.workflow_of(TRACE, scale, "")
