"""Counters that all processes of a server share: plain numbers in memory that is mapped before the fork.

Each process writes its own slot, any process reads them all. So a count costs well under a microsecond, is not lost
with its process, and the sum is the same whichever process is asked. A restart of the server begins again at 0.
"""

from __future__ import annotations

import mmap
import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobmon_client.states import Outcome, Reporter, TaskInstanceStatus

#: How many numbers a process keeps, and how many processes there may be at once, those that are ending included.
CELLS = 32768
SLOTS = 64
#: Upper ends of histogram buckets, in seconds.
IN_STATUS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)
LATE = (0.03, 0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
LATENCY = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
#: Statuses that are counted by themselves; any other is "other".
HTTP_STATUSES = (200, 201, 304, 404, 405, 409, 413, 422, 500, 503)
OTHER = "other"

Key = tuple[Any, ...]


class CommittedMove(NamedTuple):
    """What one transaction did, to be counted after its commit: `to` None is no edge, `seconds` were spent in `was`."""

    was: TaskInstanceStatus | None
    to: TaskInstanceStatus | None
    outcome: Outcome
    reporter: Reporter
    times: int = 1
    seconds: float | None = None
    late: float | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """Numbers of one name, by the values of its labels; with `bounds` each is a histogram: buckets, then the sum."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    start: int
    index: dict[Key, int]
    bounds: tuple[float, ...] = ()
    latest: bool = False

    @property
    def end(self) -> int:
        """The first cell behind it."""
        return self.start + len(self.index) * self.width

    @property
    def width(self) -> int:
        """How many cells one key has."""
        return len(self.bounds) + 2 if self.bounds else 1


class Board:
    """The shared memory; make it before the fork."""

    def __init__(self, slots: int = 1) -> None:
        """Map zeros; they take memory only once they are written."""
        self._cells: memoryview[float] = memoryview(mmap.mmap(-1, slots * CELLS * 8)).cast("d")
        self._slots = slots

    def slot(self, number: int) -> memoryview[float]:
        """Return the numbers of one process."""
        return self._cells[number * CELLS : (number + 1) * CELLS]

    def slots(self) -> Iterator[memoryview[float]]:
        """Go through the numbers of all processes that ever counted; the first cell says so."""
        for number in range(self._slots):
            if self._cells[number * CELLS]:
                yield self.slot(number)


_EDGES = [
    (was, to, outcome)
    for was in (None, *TaskInstanceStatus)
    for to in TaskInstanceStatus
    for outcome in (Outcome.APPLIED, Outcome.DUPLICATE, Outcome.UNTIMELY, Outcome.INVALID, Outcome.FENCED)
]


class _Layout:
    """Hands out cells in order, so that every process of a version has the same ones."""

    def __init__(self) -> None:
        self.end = 1
        self.families: list[Family] = []

    def add(
        self,
        name: str,
        meaning: str,
        labels: Sequence[str] = (),
        keys: Iterable[Key] = ((),),
        *,
        bounds: tuple[float, ...] = (),
        latest: bool = False,
    ) -> Family:
        """Make the next family."""
        width = len(bounds) + 2 if bounds else 1
        index = {key: self.end + number * width for number, key in enumerate(keys)}
        family = Family(name, meaning, tuple(labels), self.end, index, bounds, latest)
        if family.end > CELLS:
            raise ValueError(f"{name}: {family.end} cells are more than {CELLS}")
        self.end = family.end
        self.families.append(family)
        return family


_layout = _Layout()
TRANSITIONS = _layout.add(
    "jobmon_transitions",
    "Reports and acts on instances by the edge they wanted and what became of it.",
    ("from", "to", "outcome"),
    _EDGES,
)
FENCED = _layout.add(
    "jobmon_fenced",
    "Reports, heartbeats too, from somebody who does not hold the instance.",
    ("reporter",),
    [(reporter,) for reporter in Reporter],
)
STATUS_SECONDS = _layout.add(
    "jobmon_status_seconds",
    "Time that instances spent in a status, counted when they left it.",
    ("status",),
    [(status,) for status in TaskInstanceStatus],
    bounds=IN_STATUS,
)
REAPED_LATE = _layout.add(
    "jobmon_reaped_late_seconds", "By how much a deadline had passed when the reaper acted.", bounds=LATE
)
RERUNS = _layout.add("jobmon_transaction_reruns", "Transactions run again after a lost race.")
PASSES = _layout.add("jobmon_reaper_passes", "Passes of the reaper that succeeded.")
FAILURES = _layout.add("jobmon_reaper_failures", "Passes of the reaper that failed.")
LAST_PASS = _layout.add(
    "jobmon_reaper_last_pass_age_seconds", "Since the last pass that succeeded here.", latest=True
)
KEEPER_PASSES = _layout.add("jobmon_keeper_passes", "Passes of the keeper that succeeded.")
KEEPER_FAILURES = _layout.add("jobmon_keeper_failures", "Passes of the keeper that failed.")
KEPT = _layout.add(
    "jobmon_kept_workflows",
    "Workflows by what the keeper did to them.",
    ("what",),
    [("flagged",), ("purged",), ("removed",), ("failed",)],
)
CALLBACKS = _layout.add(
    "jobmon_callbacks",
    "Tries to post to a callback URL, by whether they were taken.",
    ("delivered",),
    [("true",), ("false",)],
)
COURIER_FAILURES = _layout.add("jobmon_courier_failures", "Rounds of the courier that failed.")
DUTIES = ("reaper", "keeper", "courier")
DUTY_RESTARTS = _layout.add(
    "jobmon_duty_restarts",
    "How often a duty had ended and was started again.",
    ("duty",),
    [(one,) for one in DUTIES],
)
DUTY_FAILING = _layout.add(
    "jobmon_duty_failing_age_seconds",
    "Since a duty last succeeded before it began to fail; absent while it does not.",
    ("duty",),
    [(one,) for one in DUTIES],
    latest=True,
)


class SharedCounters:
    """The counting of one process."""

    def __init__(self, board: Board | None = None, slot: int = 0) -> None:
        """Count in a slot that no other living process has; without a board, alone."""
        self._board = board or Board()
        self._cells = self._board.slot(slot)
        self._cells[0] = 1.0
        self._lock = threading.Lock()
        self._requests: Family | None = None
        self._latency: Family | None = None
        self.families = _layout.families

    def know_routes(self, routes: Iterable[tuple[str, str]]) -> None:
        """Make room for requests of these (method, route), which every process must give alike."""
        layout = _Layout()
        layout.end = _layout.end
        known = sorted({*routes, (OTHER, OTHER)})
        by_status = [(*route, status) for route in known for status in (*HTTP_STATUSES, OTHER)]
        self._requests = layout.add("jobmon_requests", "Requests.", ("method", "route", "status"), by_status)
        self._latency = layout.add(
            "jobmon_request_seconds", "Time to the reply.", ("method", "route"), known, bounds=LATENCY
        )
        self.families = [*_layout.families, *layout.families]

    def count(self, family: Family, key: Key = (), by: float = 1.0) -> None:
        """Add to one number."""
        with self._lock:
            self._cells[family.index[key]] += by

    def stamp(self, family: Family, key: Key = ()) -> None:
        """Remember that it happened now, by the clock that all processes of this machine share."""
        self._cells[family.index[key]] = time.monotonic()

    def stamp_once(self, family: Family, key: Key) -> None:
        """Remember since when it lasts, unless it has begun already."""
        if not self._cells[family.index[key]]:
            self.stamp(family, key)

    def clear(self, family: Family, key: Key) -> None:
        """Remember that it lasts no longer."""
        self._cells[family.index[key]] = 0.0

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        if self._requests is None or self._latency is None:
            return
        known = (method, route) if (method, route) in self._latency.index else (OTHER, OTHER)
        said = status if status in HTTP_STATUSES else OTHER
        with self._lock:
            self._cells[self._requests.index[*known, said]] += 1
            self._observe(self._latency, known, seconds)

    def record(self, noted: Iterable[CommittedMove]) -> None:
        """Count what a transaction did, now that it has been committed."""
        cells = self._cells
        with self._lock:
            for was, to, outcome, reporter, times, seconds, late in noted:
                if to is not None:
                    cells[TRANSITIONS.index[was, to, outcome]] += times
                if outcome is Outcome.FENCED:
                    cells[FENCED.index[reporter,]] += times
                if seconds is not None:
                    self._observe(STATUS_SECONDS, (was,), seconds, times)
                if late is not None:
                    self._observe(REAPED_LATE, (), late, times)

    def _observe(self, family: Family, key: Key, value: float, times: int = 1) -> None:
        start = family.index[key]
        self._cells[start + bisect_left(family.bounds, value)] += times
        self._cells[start + len(family.bounds) + 1] += value * times

    def total(self, family: Family) -> dict[Key, list[float]]:
        """Return the cells of each key, added up over all processes; of the latest, the latest."""
        slots = list(self._board.slots())
        join = max if family.latest else sum
        return {
            key: [join(slot[cell] for slot in slots) for cell in range(start, start + family.width)]
            for key, start in family.index.items()
        }
