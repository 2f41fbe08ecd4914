"""What an operator's act does to a task and its instance, against the contract's sentences in letters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from jobmon_client.states import Outcome
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.actions.workflow.json_merge_patch import patched
from jobmon_server.fsm.acts import ACTS, Act, TaskWithInstance, plan_start_afresh
from jobmon_server.fsm.consistent import CLOSED_AS
from jobmon_server.fsm.force import FORCED, plan_force
from jobmon_server.fsm.task import TASK
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from tests.server.fsm.contract import INSTANCE_TERMINAL, WHEN_STOPPED

#: The instances that a task at rest can have: "" none. A live one beside a task that is not live is an orphan.
ENDED = "".join(INSTANCE_TERMINAL)
INSTANCES = {
    "G": ("", "K", *ENDED),
    "Q": ("Q",),
    "I": ("I", "K"),
    "O": ("O", "X", "K"),
    "R": ("R", "T", "K"),
    "A": ("Z",),
    "P": ("", "K", *ENDED),
    "D": ("D",),
    "F": tuple(ENDED),
    "S": ("", "K", *ENDED),
}
#: verb: task's letter → letter after it, where the act applies to the task at once; "=" is there already.
TASK_AFTER = {
    "stop": {**dict.fromkeys("GQIORAP", "S"), "S": "="},
    "pause": {**dict.fromkeys("GAQ", "P"), "P": "="},
    "play": {"P": "G", "G": "="},
    "retry": {"F": "G", "G": "="},
    "rerun": {**dict.fromkeys("FDSAP", "G"), "G": "="},
}


def subjects() -> Iterator[tuple[str, str, TaskWithInstance]]:
    """Every task at rest with every instance it can have; a killed one of a live task is marked always."""
    for task, instances in INSTANCES.items():
        for instance in instances:
            marked = instance == "K" and task in "QIOR"
            status = TI.from_code(instance) if instance else None
            yield task, instance, TaskWithInstance(T.from_code(task), status, marked, num_attempts=3)


every_subject = pytest.mark.parametrize(
    ("task", "instance", "was"),
    [pytest.param(*each, id=f"{each[0]}{each[1]}") for each in subjects()],
)


def closes(act: Act) -> str:
    return "" if act.task_instance is None else act.task_instance.code


@every_subject
@pytest.mark.parametrize("verb", ["stop", "pause", "play", "retry"])
def test_an_act_on_a_task_does_what_the_contract_says(
    verb: str, task: str, instance: str, was: TaskWithInstance
) -> None:
    to = TASK_AFTER[verb].get(task)
    act = ACTS[verb](was)
    assert act.outcome == {None: "invalid", "=": "duplicate"}.get(to, "applied")
    assert act.task.code == (to if to and to != "=" else task)


@every_subject
def test_stop_kills_what_may_run_and_closes_what_does_not(
    task: str, instance: str, was: TaskWithInstance
) -> None:
    act = ACTS["stop"](was)
    live = instance not in INSTANCE_TERMINAL
    if act.outcome is Outcome.APPLIED:
        assert closes(act) == ("" if not live or instance == "K" else WHEN_STOPPED[instance])
        assert act.orphan is live
        assert act.num_attempts == was.num_attempts
        assert not act.requeue


@every_subject
def test_pause_withdraws_an_unclaimed_instance_and_gives_its_attempt_back(
    task: str, instance: str, was: TaskWithInstance
) -> None:
    act = ACTS["pause"](was)
    unclaimed = task == "Q"
    assert closes(act) == ("F" if unclaimed else "")
    assert act.num_attempts == was.num_attempts - unclaimed
    assert not act.orphan


@every_subject
def test_retry_and_rerun_of_what_has_ended_set_attempts_to_none(
    task: str, instance: str, was: TaskWithInstance
) -> None:
    for verb in ("retry", "rerun"):
        if task in TASK_AFTER[verb] and task != "G":
            act = ACTS[verb](was)
            assert (act.task, act.num_attempts, act.task_instance) == (T.REGISTERING, 0, None)


@every_subject
def test_rerun_takes_everything(task: str, instance: str, was: TaskWithInstance) -> None:
    act = ACTS["rerun"](was)
    assert act.outcome == ("duplicate" if task == "G" else "applied")


@every_subject
def test_rerun_of_a_live_task_is_a_stop_and_a_rerun(task: str, instance: str, was: TaskWithInstance) -> None:
    if task in "QIOR":
        stopped, act = ACTS["stop"](was), ACTS["rerun"](was)
        assert (act.task, act.num_attempts) == (T.REGISTERING, 0)
        assert (act.task_instance, act.orphan, act.requeue) == (stopped.task_instance, True, False)


@every_subject
def test_starting_afresh_marks_what_may_run_and_withdraws_what_does_not(
    task: str, instance: str, was: TaskWithInstance
) -> None:
    act = plan_start_afresh(was)
    if task not in "QIOR":
        assert act.outcome is Outcome.INVALID
    elif instance == "K":
        assert act.outcome is Outcome.DUPLICATE
    elif instance in "QX":
        assert (act.task, act.num_attempts, closes(act), act.requeue) == (T.REGISTERING, 0, "F", False)
    else:
        assert (act.task, act.num_attempts, closes(act), act.requeue) == (
            was.task,
            was.num_attempts,
            "K",
            True,
        )


@every_subject
@pytest.mark.parametrize("verb", ACTS)
def test_an_act_walks_edges_and_a_refused_one_changes_nothing(
    verb: str, task: str, instance: str, was: TaskWithInstance
) -> None:
    act = ACTS[verb](was)
    if act.outcome is not Outcome.APPLIED:
        assert (act.task, act.num_attempts, act.task_instance) == (was.task, was.num_attempts, None)
        assert (act.orphan, act.requeue) == (False, False)
        return
    through_the_stop = verb == "rerun" and TASK.allows(was.task, T.STOPPED, act.task)
    through_the_failure = TASK.allows(was.task, T.ERROR_RECOVERABLE, act.task)
    assert act.task == was.task or TASK.allows(was.task, act.task) or through_the_failure or through_the_stop
    if act.task_instance is not None and was.task_instance is not None:
        assert TASK_INSTANCE.allows(was.task_instance, act.task_instance)


@every_subject
@pytest.mark.parametrize("verb", ACTS)
def test_the_same_act_again_is_a_duplicate(
    verb: str, task: str, instance: str, was: TaskWithInstance
) -> None:
    act = ACTS[verb](was)
    if act.outcome is Outcome.APPLIED:
        then = TaskWithInstance(
            act.task, act.task_instance or was.task_instance, act.requeue, act.num_attempts
        )
        assert ACTS[verb](then).outcome is Outcome.DUPLICATE


def test_a_stop_overrides_the_mark_to_start_afresh() -> None:
    act = ACTS["stop"](TaskWithInstance(T.RUNNING, TI.KILL_SELF, requeue=True, num_attempts=2))
    assert (act.outcome, act.task, act.task_instance) == (Outcome.APPLIED, T.STOPPED, None)
    assert act.orphan


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
