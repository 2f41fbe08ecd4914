"""What may be set by force, and how objects are patched."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_client.states import Outcome
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.actions.workflow.json_merge_patch import patched
from jobmon_server.fsm.acts import TaskWithInstance
from jobmon_server.fsm.consistent import CLOSED_AS
from jobmon_server.fsm.force import FORCED, plan_force
from jobmon_server.fsm.task_instance import TASK_INSTANCE


@pytest.mark.parametrize("wanted", sorted(FORCED))
@pytest.mark.parametrize("task", sorted(set(T) - {T.ERROR_RECOVERABLE}))
@pytest.mark.parametrize("instance", [None, *TI])
def test_force_leaves_a_pair_that_may_rest_or_nothing_changed(
    wanted: T, task: T, instance: TI | None
) -> None:
    act = plan_force(TaskWithInstance(task, instance, num_attempts=2), wanted)
    if act.outcome is Outcome.APPLIED:
        assert instance in TASK_INSTANCE.terminal
        assert (act.task, act.num_attempts) == (wanted, 2)
        assert act.task_instance in CLOSED_AS[wanted]
    else:
        assert (act.task, act.task_instance, act.num_attempts) == (task, None, 2)
        assert act.outcome is (Outcome.DUPLICATE if task is wanted else Outcome.INVALID)


@pytest.mark.parametrize(
    ("was", "patch", "merged", "replaced"),
    [
        (None, {"a": 1}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {}, {"a": 1}, {}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}, {}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": None, "z": 3}}, {"a": {"x": 1, "z": 3}}, {"a": {"z": 3}}),
        ({"a": 1}, {"a": {"x": None, "y": 1}}, {"a": {"y": 1}}, {"a": {"y": 1}}),
        ({"a": {"x": 1}}, {"a": [1, None]}, {"a": [1, None]}, {"a": [1, None]}),
        ({"a": 1}, None, None, None),
    ],
)
def test_objects_are_merged_as_rfc_7396_says_or_replaced(
    was: Any, patch: Any, merged: Any, replaced: Any
) -> None:
    assert patched(was, patch, replace=False) == merged
    assert patched(was, patch, replace=True) == replaced
