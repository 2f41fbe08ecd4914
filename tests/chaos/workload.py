"""The workflow that is run, and the marks that its commands leave."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LAYERS = 5
SHORT = (0.1, 0.6)
LONG = (2.5, 4.5)
"""Seconds that a command sleeps: long for one in twenty, so that some outlive every deadline."""
MAX_ATTEMPTS = 20
"""Enough for every blow to hit the same task."""

# A lock that its children inherit shows a second attempt beside a first one that still lives.
COMMAND = """\
exec 9>lock-{name}
flock -n 9 || echo "beside {name} $JOBMON_TASK_INSTANCE_ID" >> marks
echo "began {name} $JOBMON_TASK_INSTANCE_ID" >> marks
sleep {seconds}
{extra}echo "ended {name} $JOBMON_TASK_INSTANCE_ID" >> marks
"""
WRITES = 'i=0; while [ $i -lt 200 ]; do echo "line $i of {name}"; i=$((i+1)); done\n'
FAILS_FIRST = "test -e failed-{name} || {{ touch failed-{name}; echo 'not yet' >&2; exit 3; }}\n"


def workflow(name: str, tasks: int, dice: random.Random) -> dict[str, Any]:
    """A workflow file of some layers; each task waits for up to three of the layer before it."""
    layers: list[list[str]] = [[] for _ in range(LAYERS)]
    for number in range(tasks):
        layers[number * LAYERS // tasks].append(f"t{number}")
    before: list[str] = []
    made = []
    for layer in layers:
        for one in layer:
            upstream = sorted(dice.sample(before, min(len(before), dice.randint(1, 3))))
            made.append(
                {
                    "name": one,
                    "command": command(one, dice),
                    "upstream": upstream,
                    "max_attempts": MAX_ATTEMPTS,
                }
            )
        before = layer
    return {"name": name, "tasks": made}


def command(name: str, dice: random.Random) -> str:
    """One in eight fails at first, one in four writes some output."""
    extra = "".join(
        text.format(name=name) for text, part in ((FAILS_FIRST, 8), (WRITES, 4)) if dice.randrange(part) == 0
    )
    seconds = dice.uniform(*(SHORT if dice.randrange(20) else LONG))
    return COMMAND.format(name=name, seconds=round(seconds, 2), extra=extra)


@dataclass
class Marks:
    """What the commands say themselves: by task name, the instances whose command ended well."""

    ended: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    beside: list[tuple[str, int]] = field(default_factory=list)
    too_early: list[str] = field(default_factory=list)
    """Tasks that began before an upstream had ended once."""

    @classmethod
    def read(cls, path: Path, definition: dict[str, Any]) -> Marks:
        """Read the file; lines are whole, for each was appended by one write."""
        upstream = {task["name"]: task["upstream"] for task in definition["tasks"]}
        marks = cls()
        for kind, name, number in lines(path):
            if kind == "ended":
                marks.ended[name].append(number)
            elif kind == "beside":
                marks.beside.append((name, number))
            elif not all(one in marks.ended for one in upstream[name]):
                marks.too_early.append(name)
        return marks


def lines(path: Path) -> Iterator[tuple[str, str, int]]:
    """Each mark: its kind, the task's name, the instance's id."""
    for line in path.read_text().splitlines() if path.exists() else ():
        kind, name, number = line.split()
        yield kind, name, int(number)
