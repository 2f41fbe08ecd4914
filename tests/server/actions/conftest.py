"""How long the stateful test runs: short by default, the same each time; `--hypothesis-profile=long` for a night."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.server.actions.driver", "tests.server.actions.life")

_CALM = settings(
    deadline=None, suppress_health_check=list(HealthCheck), print_blob=True, report_multiple_bugs=False
)
settings.register_profile("life", _CALM, max_examples=30, stateful_step_count=40, derandomize=True)
settings.register_profile("long", _CALM, max_examples=1000, stateful_step_count=80)


@pytest.fixture
def life_settings() -> settings:
    """The chosen profile."""
    chosen = settings.get_current_profile_name()
    return settings.get_profile("long" if chosen == "long" else "life")
