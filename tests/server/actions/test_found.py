"""What the stateful test found, each as the shortest life that shows it."""

from __future__ import annotations

import pytest

from tests.server.actions.life import Life
from tests.support.databases import Source

pytestmark = pytest.mark.property


def test_a_workflows_rerun_takes_tasks_that_were_never_queued(source: Source) -> None:
    life = type("LifeOnThis", (Life,), {"source": source})()
    life.bind_and_start(attempts=[1, 1, 1])
    life.act_on_the_workflow(verb="pause")
    life.act_on_the_workflow(verb="rerun")
    assert life.path.status("a") == "REGISTERING"
    life.teardown()
