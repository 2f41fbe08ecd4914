"""Who drove a run is known to be dead only where that can be seen: on its machine, in its boot, by its start time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from jobmon_client.running.owner_process import is_known_dead, this_process


def test_a_process_that_lives_is_not_dead() -> None:
    assert not is_known_dead(this_process())


def test_a_process_that_has_ended_is_dead_collected_or_not() -> None:
    asked = "from jobmon_client.running.owner_process import this_process as p; import json; print(json.dumps(p()))"
    with subprocess.Popen([sys.executable, "-c", asked], stdout=subprocess.PIPE, text=True) as process:
        said, _ = process.communicate()
    found: dict[str, Any] = json.loads(said)
    assert found["pid"] == process.pid
    assert is_known_dead(found)


@pytest.mark.parametrize(
    ("changed", "dead"),
    [
        ({"started": "1"}, True),
        ({"boot_id": "another"}, True),
        ({"host": "another", "started": "1"}, False),
        ({"pid_namespace": "another", "started": "1"}, False),
        ({"boot_id": "unknown", "started": "1"}, False),
    ],
    ids=["pid used again", "booted since", "another machine", "another container", "no boot id"],
)
def test_only_what_can_be_seen_counts(changed: dict[str, str], dead: bool) -> None:
    assert is_known_dead({**this_process(), **changed}) is dead


def test_of_nothing_recorded_nothing_is_known() -> None:
    assert not is_known_dead(None)
    assert this_process()["pid"] == os.getpid()
