"""A workflow's status: the truth table by hand, and every change that a small workflow can live through."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product
from typing import NamedTuple

import pytest

from jobmon_client.states import TaskStatus as T
from jobmon_client.states import WorkflowStatus as W
from jobmon_server.fsm.diagram import RUNS, SITUATIONS
from jobmon_server.fsm.workflow import RUN_ENDS, WORKFLOW, WORKFLOW_RUN, Facts, workflow_status
from tests.server.fsm.lives import Seen, all_lives

ALIVE, ENDED, NEVER = (True, True), (False, True), (False, False)


def status(letters: str, run: tuple[bool, bool], *, ready: bool = False, held: bool = False) -> str:
    run_alive, ever_run = run
    present = frozenset(T.from_code(letter) for letter in letters)
    return str(workflow_status(Facts(present, ready, held, run_alive, ever_run)))


@pytest.mark.parametrize("letters", ["Q", "I", "O", "R", "RD", "QF", "OS", "IP", "RGFSPDA"])
@pytest.mark.parametrize("held", [False, True])
def test_what_is_live_goes_before_all_else(letters: str, held: bool) -> None:
    assert status(letters, ALIVE, held=held) == "RUNNING"
    assert status(letters, ENDED, held=held) == "HALTED"


@pytest.mark.parametrize("letters", ["G", "A", "GD", "GF", "AS", "GP", "GFSPDA"])
def test_what_is_ready_goes_before_what_failed(letters: str) -> None:
    assert status(letters, ALIVE, ready=True) == "RUNNING"
    assert status(letters, ENDED, ready=True) == "HALTED"
    assert status(letters, NEVER, ready=True) == "REGISTERED"


@pytest.mark.parametrize("letters", ["F", "FD", "FS", "FP", "FG", "FGSPDA"])
@pytest.mark.parametrize("run", [ALIVE, ENDED])
@pytest.mark.parametrize("held", [False, True])
def test_with_nothing_live_or_ready_a_failure_comes_first(
    letters: str, run: tuple[bool, bool], held: bool
) -> None:
    assert status(letters, run, held=held) == "FAILED"


@pytest.mark.parametrize("letters", ["S", "SD", "SP", "SG", "SGPDA"])
@pytest.mark.parametrize("run", [ALIVE, ENDED, NEVER])
@pytest.mark.parametrize("held", [False, True])
def test_then_comes_what_was_stopped(letters: str, run: tuple[bool, bool], held: bool) -> None:
    assert status(letters, run, held=held) == "STOPPED"


@pytest.mark.parametrize("letters", ["P", "PD", "PG", "PGDA"])
@pytest.mark.parametrize("held", [False, True])
def test_then_what_is_paused_and_without_a_live_run_halted(letters: str, held: bool) -> None:
    assert status(letters, ALIVE, held=held) == "PAUSED"
    assert status(letters, ENDED, held=held) == "HALTED"
    assert status(letters, NEVER, held=held) == "PAUSED"


@pytest.mark.parametrize("letters", ["G", "A", "GD", "AD"])
def test_a_held_workflow_counts_what_is_ready_as_paused(letters: str) -> None:
    assert status(letters, ALIVE, ready=True, held=True) == "PAUSED"
    assert status(letters, ENDED, ready=True, held=True) == "HALTED"
    assert status(letters, NEVER, ready=True, held=True) == "PAUSED"


@pytest.mark.parametrize("run", [ALIVE, ENDED])
@pytest.mark.parametrize("held", [False, True])
def test_when_every_task_is_done_so_is_the_workflow(run: tuple[bool, bool], held: bool) -> None:
    assert status("D", run, held=held) == "DONE"


@pytest.mark.parametrize("held", [False, True])
def test_an_empty_workflow_is_done_by_a_live_run(held: bool) -> None:
    assert status("", NEVER, held=held) == "REGISTERED"
    assert status("", ALIVE, held=held) == "DONE"
    assert status("", ENDED, held=held) == "HALTED"


class Look(NamedTuple):
    """A workflow as the rows look at it: the letters of its tasks, and what of them is ready or held."""

    letters: set[str]
    ready: bool
    held: bool


#: The published rows in words of code, by hand; the first that applies.
ROWS: tuple[tuple[Callable[[Look], bool], str, str, str], ...] = (
    (lambda look: bool(look.letters & set("QIOR")), "RUNNING", "HALTED", "REGISTERED"),
    (lambda look: look.ready and not look.held, "RUNNING", "HALTED", "REGISTERED"),
    (lambda look: "F" in look.letters, "FAILED", "FAILED", "FAILED"),
    (lambda look: "S" in look.letters, "STOPPED", "STOPPED", "STOPPED"),
    (lambda look: look.ready and bool(look.letters & set("GA")), "PAUSED", "HALTED", "PAUSED"),
    (lambda look: bool(look.letters & set("GAPE")), "PAUSED", "HALTED", "PAUSED"),
    (lambda look: look.letters == {"D"}, "DONE", "DONE", "DONE"),
    (lambda look: not look.letters, "DONE", "HALTED", "REGISTERED"),
)


def row_of(present: frozenset[T], ready: bool, held: bool) -> int:
    look = Look({task.code for task in present}, ready, held)
    return next(index for index, (says, *_) in enumerate(ROWS) if says(look))


def test_the_truth_table_holds_for_all_facts_there_can_be() -> None:
    presents = [frozenset(some) for number in range(len(T) + 1) for some in combinations(T, number)]
    for present, ready, held in product(presents, (False, True), (False, True)):
        expected = ROWS[row_of(present, ready, held)][1:]
        for run, word in zip((ALIVE, ENDED, NEVER), expected, strict=True):
            assert workflow_status(Facts(present, ready, held, *run)) == word, (present, ready, held, run)


def test_the_published_rows_show_themselves() -> None:
    assert [row_of(present, ready, held) for _, present, ready, held in SITUATIONS] == list(range(len(ROWS)))
    assert [(run_alive, ever_run) for _, run_alive, ever_run in RUNS] == [ALIVE, ENDED, NEVER]


@pytest.fixture(scope="module")
def changes() -> dict[Seen, str]:
    """Every change of status in every life of up to two tasks; a third adds none."""
    return all_lives(2)


def test_every_change_that_occurs_is_an_edge(changes: dict[Seen, str]) -> None:
    missing = {
        f"{seen.was}→{seen.to}": story
        for seen, story in changes.items()
        if not WORKFLOW.allows(seen.was, seen.to)
    }
    assert missing == {}


def test_every_edge_occurs(changes: dict[Seen, str]) -> None:
    occurring = {(seen.was, seen.to) for seen in changes}
    assert [f"{edge.was}→{edge.to}" for edge in WORKFLOW.edges if (edge.was, edge.to) not in occurring] == []


def test_only_a_person_leads_out_of_an_end(changes: dict[Seen, str]) -> None:
    operators = {(edge.was, edge.to) for edge in WORKFLOW.edges if edge.operator}
    assert {
        story for seen, story in changes.items() if (seen.was, seen.to) in operators and not seen.operator
    } == set()
    assert {was for was, _ in operators} == WORKFLOW.terminal


def test_a_run_ends_with_exactly_the_ends_of_its_workflow() -> None:
    assert set(RUN_ENDS) == {W.DONE, W.FAILED, W.STOPPED} == WORKFLOW.terminal
    assert set(RUN_ENDS.values()) <= WORKFLOW_RUN.terminal
