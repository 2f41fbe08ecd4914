"""Many races of one pair on one database, spread over all stages, each end counted."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy import update

from jobmon_server.db.core import clock
from jobmon_server.db.schema.tables import task_instance
from tests.server.staging import Point, StagedDatabase, race, stages
from tests.support.path import Path, task

RACES = 200
ALIVE = 3600.0

Call = Callable[[Path, int], Any]


@dataclass
class Arena:
    """One staged database and the callers over it."""

    database: StagedDatabase
    app: Flask
    pool: ThreadPoolExecutor
    path: Path
    ends: Counter[Any] = field(default_factory=Counter)

    def caller(self) -> Path:
        """One more caller of the same workflow: clients are not shared between threads."""
        return replace(self.path, client=self.app.test_client())

    def tasks(self, number: int = RACES, **facts: Any) -> list[int]:
        """Bind a workflow of independent tasks and queue them all; the instances."""
        self.path.bind(*(task(str(one), **facts) for one in range(number))).start(ALIVE)
        return self.path.queue()

    def claimed(self) -> list[int]:
        """INSTANTIATED instances."""
        ids = self.tasks()
        self.path.claim(ids, ALIVE)
        return ids

    def launched(self) -> list[int]:
        """LAUNCHED instances."""
        return self._reported(
            self.claimed(), "log_distributor_id", distributor_id="c", next_report_increment=ALIVE
        )

    def running(self) -> list[int]:
        """RUNNING instances, held by the worker of `Path`."""
        return self.start(self.tasks())

    def start(self, ids: list[int]) -> list[int]:
        """Claim and start what is QUEUED."""
        self.path.claim(ids, ALIVE)
        facts = {"worker_id": "worker-1", "nodename": "n", "process_group_id": 1}
        return self._reported(ids, "log_running", **facts, next_report_increment=ALIVE)

    def _reported(self, ids: list[int], report: str, **facts: Any) -> list[int]:
        items = [{"task_instance_id": one, "report": report, **facts} for one in ids]
        reply = self.path.post("/reports", reports=items).get_json()
        assert reply["applied"] == len(ids), reply
        return ids

    def make_overdue(self, task_instance_id: int) -> None:
        """Let the deadline of a live instance have passed a minute ago."""

        def write(connection: Any) -> None:
            passed = clock.seconds_after(clock.read_clock(connection), -60.0)
            statement = update(task_instance).where(task_instance.c.id == task_instance_id)
            connection.execute(statement.values(report_by=passed))

        self.database.transact(write)

    def run(
        self,
        subjects: list[int],
        first: Call,
        second: Call,
        end: Callable[[int, Any, Any], Any],
        *,
        prepare: Callable[[int], Any] | None = None,
        reads: bool = False,
        releases: bool = False,
        reruns: bool = False,
    ) -> Counter[Any]:
        """Race the two calls over every subject, all stages in turn; count what `end` makes of each.

        `reads` and `releases` say that one of them comes by those points, `reruns` that the loser plans again.
        """
        all_stages = stages(self.database.engine.dialect.name, reads=reads, releases=releases)
        callers = self.caller(), self.caller()
        set_points: set[Point] = set()
        for number, subject in enumerate(subjects):
            if prepare is not None:
                prepare(subject)
            stage = all_stages[number % len(all_stages)]
            calls = partial(first, callers[0], subject), partial(second, callers[1], subject)
            one, other, was_set = race(self.database, self.pool, stage, *calls)
            set_points |= {stage.point} if was_set else set()
            self.ends[end(subject, one, other)] += 1
        assert reruns or self.database.reruns == 0, "a lock was taken out of order"
        assert set_points == {stage.point for stage in all_stages}, "a stage was never set"
        ends = dict(self.ends)
        told = f"{len(subjects)} races over {len(all_stages)} stages: {ends}, {self.database.reruns} re-runs"
        sys.stdout.write(f"{told}\n")
        return self.ends
