"""Any life, on both databases: each answer and each row is what the pure core plans."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.server.actions.life import Life
from tests.support.databases import Source

pytestmark = pytest.mark.property

CALM = settings(
    deadline=None, suppress_health_check=list(HealthCheck), print_blob=True, report_multiple_bugs=False
)
#: The same lives each time.
SHORT = settings(CALM, max_examples=30, stateful_step_count=40, derandomize=True)
#: Other lives each time.
LONG = settings(CALM, max_examples=1000, stateful_step_count=80)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_any_life_is_as_the_core_plans_it(source: Source) -> None:
    live(source, SHORT)


@pytest.mark.long(sibling="tests/server/actions/test_life.py::test_any_life_is_as_the_core_plans_it")
@pytest.mark.timeout(6 * 3600)
def test_a_thousand_lives_are_as_the_core_plans_them(source: Source) -> None:
    live(source, LONG)


def live(source: Source, chosen: settings) -> None:
    life = type("LifeOnThis", (Life,), {"source": source})
    run_state_machine_as_test(life, settings=chosen)
