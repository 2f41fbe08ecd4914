"""Any life, on both databases: each answer and each row is what the pure core plans; `--hypothesis-profile=long` for more."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.server.actions.life import Life
from tests.support.databases import Source


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_any_life_is_as_the_core_plans_it(source: Source, life_settings: settings) -> None:
    life = type("LifeOnThis", (Life,), {"source": source})
    run_state_machine_as_test(life, settings=life_settings)
