"""Blows: what is struck when, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.chaos.proxy import Fault
from tests.chaos.world import INCREMENT, World

T = TypeVar("T")
KILLS = ("server", "database", "distributor", "worker", "client")
WEIGHTS = {"server": 3, "database": 3, "distributor": 3, "worker": 5, "client": 2, "http": 6, "sql": 6}
CUTS = (Fault.ISOLATE, Fault.ISOLATE, Fault.STALL, Fault.DEAFEN)
CUT_FOR = (3.0, 6.0)
"""Increments for which a worker is cut off: after two of them it is given up."""
CUT_EVERY = (3.0, 7.0)
SHORT_FAULTS = (Fault.DROP, Fault.CUT, Fault.RESET, Fault.STALL, Fault.REFUSE)
GAP = (0.2, 1.6)
BURST = (0.0, 0.15)
"""Seconds between two blows; one in four follows its predecessor at once."""


@dataclass(frozen=True, slots=True)
class Blow:
    """At `second` of the run strike `target`; for a proxy with `fault` by `amount`.

    `choice` (0 to 1) picks one of several workers, distributors or proxies.
    """

    second: float
    target: str
    fault: Fault | None = None
    amount: float = 0.0
    choice: float = 0.0

    def __str__(self) -> str:
        detail = f" {self.fault} {self.amount:g}" if self.fault else ""
        return f"{self.second:6.2f} s {self.target}{detail}"


def schedule(dice: random.Random, blows: int) -> list[Blow]:
    """Draw that many blows."""
    drawn = []
    second = 0.0
    for _ in range(blows):
        second = round(second + dice.uniform(*(GAP if dice.randrange(4) else BURST)), 2)
        (target,) = dice.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))
        if target in KILLS:
            drawn.append(Blow(second, target, choice=dice.random()))
            continue
        fault = dice.choice(SHORT_FAULTS)
        lasting = fault in {Fault.STALL, Fault.REFUSE}
        amount = round(dice.uniform(0.2, 1.5), 2) if lasting else dice.randint(1, 3)
        drawn.append(Blow(second, target, fault, amount, dice.random()))
    return drawn


def chosen(several: Sequence[T], choice: float) -> T:
    """Return one of several."""
    return several[int(choice * len(several))]


def cuts(dice: random.Random, number: int) -> list[Blow]:
    """Draw when workers are cut off from the server, that many times, and how."""
    drawn = []
    second = 0.0
    for _ in range(number):
        second = round(second + dice.uniform(*CUT_EVERY), 2)
        seconds = round(INCREMENT * dice.uniform(*CUT_FOR), 2)
        drawn.append(Blow(second, "cut", dice.choice(CUTS), seconds, dice.random()))
    return drawn


def strike(world: World, blow: Blow) -> bool:
    """Do it; return whether there was anything to strike."""
    if blow.fault is not None:
        proxy = world.sql if blow.target == "sql" else chosen(world.http, blow.choice)
        proxy.inject(blow.fault, blow.amount)
        return True
    acts: dict[str, Callable[[], bool]] = {
        "server": world.server.kill,
        "database": world.store.service.kill,
        "distributor": lambda: chosen(world.distributors, blow.choice).kill(),
        "worker": lambda: world.kill_agent(blow.choice),
        "client": world.kill_client,
    }
    return acts[blow.target]()
