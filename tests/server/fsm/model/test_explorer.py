"""The bounded model check: the core breaks no rule in any state of its world, and a broken core is found out."""

from __future__ import annotations

import pytest

from jobmon_client.states import Outcome
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from tests.server.fsm.model.broken import ACTS, CASES, Broken
from tests.server.fsm.model.explorer import Explorer
from tests.server.fsm.model.world import Core


@pytest.fixture(scope="module")
def explored() -> Explorer:
    """The whole world of the real core."""
    return Explorer().run()


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_no_rule_is_broken_in_any_state(explored: Explorer) -> None:
    assert explored.found is None, str(explored.found)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_with_stop_two_attempts_never_run_at_once() -> None:
    """With one act alone: the whole world of this core is several times as big."""
    found = Explorer(Core(stop=True, acts={"rerun": ACTS["rerun"]})).run().found
    assert found is None, str(found)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_world_is_big_enough(explored: Explorer) -> None:
    """Every edge is crossed in it, and every known race is run."""
    assert explored.num_states > 100_000
    crossed = {(was, to) for was, to, _, outcome in explored.crossed if outcome == Outcome.APPLIED}
    raced = {(was, wanted) for was, _, wanted, outcome in explored.crossed if outcome == Outcome.UNTIMELY}
    assert {(edge.was, edge.to) for edge in TASK_INSTANCE.edges} - crossed == set()
    assert {(race.was, race.to) for race in TASK_INSTANCE.untimely} - raced == set()


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_broken_core_is_found_out_and_told_as_a_journal(name: str) -> None:
    broken: Broken = CASES[name]
    found = Explorer(broken.core, broken.most).run().found
    assert found is not None
    assert found.fault == broken.fault
    assert broken.line in str(found)
