"""All that can happen to a small workflow, act by act: the model behind `test_workflow_status`.

Letters as in `contract`. Reports of instances move tasks and leave the workflow's status as it was, as the
server does; every other act, and a settle, compute it. Nothing is drawn by lot: all lives are walked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from jobmon_client.states import TaskStatus, WorkflowStatus
from jobmon_server.fsm.workflow import RUN_ENDS, Facts, workflow_status

TASK = {status.code: status for status in TaskStatus}
NEXT_BY_REPORT = {"Q": "I", "I": "ORGAF", "O": "RGAF", "R": "DGAF"}
STOPPABLE, PAUSABLE, QUEUEABLE = "GQIORAP", "GAQ", "GA"
RERUNNABLE = "FDSAPQIOR"
#: A live one that is terminated or resumed cold is killed first; only what is unclaimed moves at once.
WITHDRAWN = {"Q": "G"}


class Life(NamedTuple):
    """A workflow at one moment: its tasks, the upstreams of each, and its last computed status."""

    tasks: str = ""
    upstreams: tuple[frozenset[int], ...] = ()
    held: bool = False
    run: str = "never"
    status: WorkflowStatus = WorkflowStatus.REGISTERED


class Step(NamedTuple):
    """What happened, and the workflow afterwards; `operator` tells whether a person asked for it."""

    act: str
    life: Life
    operator: bool


def is_ready(life: Life, task: int) -> bool:
    done = {index for index, letter in enumerate(life.tasks) if letter == "D"}
    return life.tasks[task] in QUEUEABLE and life.upstreams[task] <= done


def facts(life: Life) -> Facts:
    return Facts(
        present=frozenset(TASK[letter] for letter in life.tasks),
        ready=any(is_ready(life, task) for task in range(len(life.tasks))),
        held=life.held,
        run_alive=life.run == "alive",
        ever_run=life.run != "never",
    )


def settle(life: Life) -> Life:
    """Compute the status; the transaction that ends a workflow ends its run. An empty one that is DONE stays so."""
    if not life.tasks and life.status is WorkflowStatus.DONE:
        return life
    status = workflow_status(facts(life))
    return life._replace(
        status=status, run="ended" if life.run == "alive" and status in RUN_ENDS else life.run
    )


def moved(life: Life, task: int, to: str) -> Life:
    return life._replace(tasks=life.tasks[:task] + to + life.tasks[task + 1 :])


def all_moved(life: Life, moves: dict[str, str]) -> Life:
    return life._replace(tasks="".join(moves.get(letter, letter) for letter in life.tasks))


def by_instances(life: Life) -> Iterator[Step]:
    for task, letter in enumerate(life.tasks):
        for to in NEXT_BY_REPORT.get(letter, ""):
            yield Step(f"{task} {letter}→{to}", moved(life, task, to), operator=False)
    yield Step("settle", settle(life), operator=False)


def by_the_run(life: Life) -> Iterator[Step]:
    if life.run != "alive":
        return
    for task in range(len(life.tasks)):
        if is_ready(life, task) and not life.held:
            yield Step(f"queue {task}", settle(moved(life, task, "Q")), operator=False)
    ended = life._replace(run="ended")
    yield Step("the run falls silent", settle(ended), operator=False)
    yield Step("terminate", settle(all_moved(ended, WITHDRAWN)), operator=False)


def on_a_task(life: Life) -> Iterator[Step]:
    for task, letter in enumerate(life.tasks):
        verbs = (
            ("stop", STOPPABLE, "S"),
            ("pause", PAUSABLE, "P"),
            ("play", "P", "G"),
            ("retry", "F", "G"),
            ("rerun", RERUNNABLE, "G"),
        )
        for verb, sources, to in verbs:
            if letter in sources:
                yield Step(f"{verb} {task}", settle(moved(life, task, to)), operator=True)


def on_the_workflow(life: Life) -> Iterator[Step]:
    """One verb for every task; refused when it changes none, and none is there already."""
    verbs = (
        ("stop", STOPPABLE, "S", life.held, ""),
        ("pause", PAUSABLE, "P", True, "P"),
        ("play", "P", "G", False, "G"),
        ("retry", "F", "G", life.held, ""),
        ("rerun", RERUNNABLE, "G", life.held, ""),
    )
    for verb, sources, to, held, there in verbs:
        if set(life.tasks) & set(sources + there):
            changed = all_moved(life, dict.fromkeys(sources, to))._replace(held=held)
            yield Step(verb, settle(changed), operator=True)


def starting(life: Life) -> Iterator[Step]:
    """Start or resume; refused when nothing is left to do. An empty workflow runs until its run speaks."""
    alive = life._replace(run="alive")
    if life.run == "never" and not life.tasks:
        yield Step("start", alive._replace(status=WorkflowStatus.RUNNING), operator=True)
        return
    resumed = all_moved(alive, {"F": "G"})
    ways = {
        "never": {"start": alive},
        "ended": {"resume hot": resumed, "resume cold": all_moved(resumed, WITHDRAWN)},
        "alive": {},
    }
    for way, then in ways[life.run].items():
        if life.status is not WorkflowStatus.DONE and settle(then).run == "alive":
            yield Step(way, settle(then), operator=True)


def binding(life: Life, most: int) -> Iterator[Step]:
    """One call binds any number of tasks, each with any upstreams; refused once DONE or STOPPED."""
    if life.status in {WorkflowStatus.DONE, WorkflowStatus.STOPPED}:
        return
    grown = [life]
    while grown:
        small = grown.pop()
        number = len(small.tasks)
        for mask in range(2**number if number < most else 0):
            upstreams = frozenset(index for index in range(number) if mask >> index & 1)
            big = small._replace(tasks=small.tasks + "G", upstreams=(*small.upstreams, upstreams))
            grown.append(big)
            yield Step(f"bind {number} after {sorted(upstreams)}", settle(big), operator=True)


def steps(life: Life, most: int) -> Iterator[Step]:
    """Return all that can happen next to a workflow of at most so many tasks."""
    yield from by_instances(life)
    yield from by_the_run(life)
    yield from on_a_task(life)
    yield from on_the_workflow(life)
    yield from starting(life)
    yield from binding(life, most)


class Seen(NamedTuple):
    """A change of the computed status that really occurs, with the shortest story that leads to it."""

    was: WorkflowStatus
    to: WorkflowStatus
    operator: bool


def all_lives(most: int) -> dict[Seen, str]:
    """Walk every life of a workflow of at most so many tasks; return each change with its shortest story."""
    stories = {Life(): ""}
    changes: dict[Seen, str] = {}
    todo = deque(stories)
    while todo:
        life = todo.popleft()
        for act, then, operator in steps(life, most):
            story = f"{stories[life]}; {act}".removeprefix("; ")
            if then.status != life.status:
                changes.setdefault(Seen(life.status, then.status, operator), story)
            if then not in stories:
                stories[then] = story
                todo.append(then)
    return changes
