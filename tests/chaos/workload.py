"""The workflow that is run, and the marks that its commands leave."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LAYERS = 4
STEP = 0.2
"""Seconds between two marks of a command."""
SHORT = (1, 3)
LONG = (20, 60)
"""Steps of a command: long for one in six, so that some outlive every deadline."""
HANGS = 1_000
"""Steps of one that would never end; it is ended by its time limit."""
TIME_LIMIT = 15.0
MAX_ATTEMPTS = 20
"""Enough for every blow to hit the same task."""

# A lock that its children inherit shows a second attempt beside a first one that still lives; the clock is the machine's.
COMMAND = """\
mark() {{ read -r now _ < /proc/uptime; echo "$1 {name} $JOBMON_TASK_INSTANCE_ID $now" >> marks; }}
exec 9>lock-{name}
flock -n 9 || mark beside
mark began
left={steps}
{before}while [ $left -gt 0 ]; do sleep {step}; mark lives; left=$((left-1)); done
{after}mark ended
"""
HANGS_FIRST = "test -e hung-{name} || {{ touch hung-{name}; left={hangs}; }}\n"
LEAVES = "setsid sleep 300 &\n"
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
                    "requested_resources": {"time_limit": TIME_LIMIT},
                }
            )
        before = layer
    return {"name": name, "tasks": made}


def command(name: str, dice: random.Random) -> str:
    """One in eight fails at first, one in forty hangs at first, one in ten leaves a process, one in four writes some output."""
    after, before = (
        "".join(text.format(name=name, hangs=HANGS) for text, part in texts if dice.randrange(part) == 0)
        for texts in (((FAILS_FIRST, 8), (WRITES, 4)), ((HANGS_FIRST, 40), (LEAVES, 10)))
    )
    steps = dice.randint(*(SHORT if dice.randrange(6) else LONG))
    return COMMAND.format(name=name, steps=steps, step=STEP, before=before, after=after)


@dataclass
class Span:
    """When an attempt began and when it last said that it lives, in seconds since the machine booted."""

    began: float
    last: float


@dataclass
class Marks:
    """What the commands say themselves: by task name, the instances whose command ended well."""

    ended: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    beside: list[tuple[str, int, float]] = field(default_factory=list)
    """Tasks with an instance that ran beside another one of theirs, and for how many seconds."""
    too_early: list[str] = field(default_factory=list)
    """Tasks that began before an upstream had ended once."""

    @classmethod
    def read(cls, path: Path, definition: dict[str, Any]) -> Marks:
        """Read the file; lines are whole, for each was appended by one write."""
        upstream = {task["name"]: task["upstream"] for task in definition["tasks"]}
        marks = cls()
        spans: dict[str, dict[int, Span]] = defaultdict(dict)
        locked_out: set[tuple[str, int]] = set()
        for kind, name, number, moment in lines(path):
            spans[name].setdefault(number, Span(moment, moment)).last = moment
            if kind == "ended":
                marks.ended[name].append(number)
            elif kind == "beside":
                locked_out.add((name, number))
            elif kind == "began" and not all(one in marks.ended for one in upstream[name]):
                marks.too_early.append(name)
        marks.beside = [
            (name, number, seconds)
            for name, attempts in spans.items()
            for number in attempts
            if (seconds := overlap(number, attempts)) > 0 or (name, number) in locked_out
        ]
        return marks


def overlap(number: int, attempts: dict[int, Span]) -> float:
    """Return for how long an attempt ran beside the one, of those that began before it, that ran on longest."""
    own = attempts[number]
    before = [one for other, one in attempts.items() if (one.began, other) < (own.began, number)]
    return round(max([0.0, *(min(one.last, own.last) - own.began for one in before)]), 2)


def lines(path: Path) -> Iterator[tuple[str, str, int, float]]:
    """Each mark: its kind, the task's name, the instance's id, when."""
    for line in path.read_text().splitlines() if path.exists() else ():
        kind, name, number, moment = line.split()
        yield kind, name, int(number), float(moment)
