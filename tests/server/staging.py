"""Staged races: one caller is held at a named point while another goes on, without a hook in the server's code.

The points are where the database is touched: a subclass of `Database` and two events of its engine see them all.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import Engine

from jobmon_server.db.core.engine import make_engine
from jobmon_server.db.core.transaction import Database

T = TypeVar("T")

#: Seconds after which a race that hangs fails.
PATIENCE = 20.0
#: Seconds for which one who holds locks lets the other run into them. Any value is right: it only chooses who waits.
GRACE = 0.002


class Point(StrEnum):
    """Where a caller is held."""

    BEFORE_BEGIN = "before BEGIN"
    AFTER_LOCK = "after lock"
    AFTER_RELEASE = "after a settle has marked what it passed on"
    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "after commit before reply"
    AFTER_READ = "between a read and the write that it leads to"
    NOWHERE = "nowhere: both at once"


#: Points at which the held caller has locks that the other may run into.
HOLDS_LOCKS = frozenset({Point.AFTER_LOCK, Point.AFTER_RELEASE, Point.BEFORE_COMMIT})


@dataclass(eq=False)
class Racer:
    """One of the two callers, in its own thread."""

    stops_at: Point | None = None
    arrived: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    other: Racer | None = None
    was_held: bool = False

    def reach(self, point: Point) -> None:
        """Pass a point; the first time at the one that it stops at, let the other go on."""
        if point is Point.AFTER_LOCK or point is Point.BEFORE_BEGIN:
            self.asked.set()
        if point is not self.stops_at or self.other is None:
            return
        self.stops_at = None
        self.was_held = True
        self.arrived.set()
        if point in HOLDS_LOCKS:
            _wait(self.other.asked)
            self.other.ended.wait(GRACE)
        else:
            _wait(self.other.ended)


def _wait(signal: threading.Event) -> None:
    assert signal.wait(PATIENCE), "the other caller hangs"


class StagedDatabase(Database):
    """A database in which callers can be held."""

    def __init__(self, engine: Engine) -> None:
        """Watch the engine."""
        super().__init__(engine)
        self._here = threading.local()
        event.listen(engine, "after_cursor_execute", self._after_execute)
        event.listen(engine, "before_cursor_execute", self._before_execute)
        event.listen(engine, "commit", lambda _: self._reach(Point.BEFORE_COMMIT))

    @classmethod
    def at(cls, url: str) -> StagedDatabase:
        """Connect."""
        return cls(make_engine(url, 10))

    def transact(self, action: Any, *args: Any, **facts: Any) -> Any:
        """As ever, with a point before and a point after."""
        self._reach(Point.BEFORE_BEGIN)
        result = super().transact(action, *args, **facts)
        self._reach(Point.AFTER_COMMIT)
        return result

    def read(self, query: Any, *args: Any, **facts: Any) -> Any:
        """As ever, with a point after."""
        result = super().read(query, *args, **facts)
        self._reach(Point.AFTER_READ)
        return result

    def run_as(self, racer: Racer, call: Callable[[], T]) -> T:
        """Make a call as one of the two."""
        self._here.racer = racer
        try:
            return call()
        finally:
            self._here.racer = None
            racer.arrived.set()
            racer.ended.set()

    def _before_execute(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        racer = getattr(self._here, "racer", None)
        if racer is not None and locks(statement):
            racer.asked.set()

    def _after_execute(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if locks(statement):
            self._reach(Point.AFTER_LOCK)
        if statement.startswith("UPDATE task SET released"):
            self._reach(Point.AFTER_RELEASE)

    def _reach(self, point: Point) -> None:
        racer = getattr(self._here, "racer", None)
        if racer is not None:
            racer.reach(point)


def locks(statement: str) -> bool:
    """Whether a statement takes a row lock; SQLite's first statement of a writer is its lock."""
    return "FOR UPDATE" in statement or statement.startswith(("INSERT", "UPDATE", "BEGIN IMMEDIATE"))


@dataclass(frozen=True, slots=True)
class Stage:
    """Where one of the two is held: the first of the pair, or the second."""

    point: Point
    first_is_held: bool = True


def stages(dialect: str, *, reads: bool = False, releases: bool = False) -> list[Stage]:
    """All stages that a pair of this database can be raced on; SQLite has one writer, so nothing within a transaction."""
    points = [Point.BEFORE_BEGIN, Point.AFTER_COMMIT, Point.NOWHERE]
    if dialect != "sqlite":
        points += [Point.AFTER_LOCK, Point.BEFORE_COMMIT]
        points += [Point.AFTER_RELEASE] if releases else []
    if reads:
        points.append(Point.AFTER_READ)
    return [Stage(point, held) for point, held in itertools.product(points, (True, False))]


def race(
    database: StagedDatabase,
    pool: ThreadPoolExecutor,
    stage: Stage,
    first: Callable[[], T],
    second: Callable[[], T],
) -> tuple[T, T, bool]:
    """Run both, one held at the stage's point until the other has ended or has run into its locks.

    Return what both returned, and whether the stage was set: the point was reached.
    """
    if stage.point is Point.NOWHERE:
        return *_at_once(pool, first, second), True
    held, free = Racer(stage.point), Racer()
    held.other = free
    calls = (first, second) if stage.first_is_held else (second, first)
    waiting: Future[T] = pool.submit(database.run_as, held, calls[0])
    _wait(held.arrived)
    other: Future[T] = pool.submit(database.run_as, free, calls[1])
    results = waiting.result(PATIENCE), other.result(PATIENCE)
    return *(results if stage.first_is_held else results[::-1]), held.was_held


def _at_once(pool: ThreadPoolExecutor, first: Callable[[], T], second: Callable[[], T]) -> tuple[T, T]:
    barrier = threading.Barrier(2)

    def go(call: Callable[[], T]) -> T:
        barrier.wait(PATIENCE)
        return call()

    futures = pool.submit(go, first), pool.submit(go, second)
    return futures[0].result(PATIENCE), futures[1].result(PATIENCE)
