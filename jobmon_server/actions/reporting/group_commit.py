"""Reports that come while others are being written are written together, in one transaction, as soon as those are.

Nobody waits for company: a report that finds a turn free goes alone and at once. What a transaction of many costs is
shared, so that a server keeps its pace when more callers come than it has turns (docs/adr/0006-reports-together.md).
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from jobmon_server.actions.reporting.report_types import Report
from jobmon_server.actions.reporting.transition import Verdict, report, report_many
from jobmon_server.actions.workflow.settle import settle_if_over
from jobmon_server.db.core.limits import patience
from jobmon_server.db.core.transaction import Database
from jobmon_server.errors import JobmonServerError

#: How many reports one transaction takes; and how many transactions of a process are under way at once. With two each takes
#: fewer along, which costs more than it wins while one waits for the disk (docs/adr/0006 has the figures).
MOST = 64
TURNS = 1


@dataclass(slots=True, eq=False)
class WaitingReport:
    """A report whose caller waits for its verdict, or for the turn to write; `peers` wait for the settle of its workflow."""

    task_instance_id: int
    news: Report
    verdict: Verdict | None = None
    has_turn: bool = False
    peers: list[WaitingReport] = field(default_factory=list)
    told: threading.Lock = field(default_factory=threading.Lock)

    @property
    def left_workflow_id(self) -> int | None:
        """The workflow that may be over with this report; None where it cannot be, or where the report is not written."""
        return None if self.verdict is None else self.verdict.left_workflow_id


class GroupCommit:
    """Takes the single reports of many threads; each gets a verdict of its own, after the commit that it is in."""

    def __init__(self, database: Database) -> None:
        """Write to this database."""
        self._database = database
        self._turns = TURNS
        self._waiting: deque[WaitingReport] = deque()
        self._changing = threading.Lock()

    def report(self, task_instance_id: int, news: Report) -> Verdict:
        """Apply one report, and settle its workflow if it may have been the last. Raises `Busy`."""
        mine = WaitingReport(task_instance_id, news)
        if not self._takes_turn(mine):
            with patience.current().spent():
                mine.told.acquire()
        if mine.has_turn:
            self._lead(mine)
        try:
            settle_if_over(self._database, [mine.left_workflow_id])
        finally:
            _release(mine.peers)
        return mine.verdict or self._alone(mine)

    def _takes_turn(self, mine: WaitingReport) -> bool:
        """Take a turn if one is free, else a place among those who wait."""
        with self._changing:
            mine.has_turn = self._turns > 0
            if mine.has_turn:
                self._turns -= 1
            else:
                mine.told.acquire()
                self._waiting.append(mine)
            return mine.has_turn

    def _lead(self, mine: WaitingReport) -> None:
        """Write what waits with one's own, give the turn to who came first since, and release the others."""
        others = self._company(mine.task_instance_id)
        try:
            self._write(mine, others)
        finally:
            self._give_up(mine)
            _release(_without_peers(mine, others))

    def _company(self, task_instance_id: int) -> list[WaitingReport]:
        """Take who goes along: each instance once, so that its next report finds what this one has left."""
        others: list[WaitingReport] = []
        taken = {task_instance_id}
        with self._changing:
            while self._waiting and len(taken) < MOST and self._waiting[0].task_instance_id not in taken:
                others.append(self._waiting.popleft())
                taken.add(others[-1].task_instance_id)
        return others

    def _write(self, mine: WaitingReport, others: list[WaitingReport]) -> None:
        """Write them in one transaction that waits for no lock of a row; who is left without a verdict goes alone.

        Whatever goes wrong with all of them is found to be one's own fault or not when each goes alone.
        """
        some = [mine, *others]
        items = [(one.task_instance_id, one.news) for one in some]

        def act(connection: Connection) -> list[Verdict | None]:
            found = report_many(connection, items, wait=False)
            if not self._database.has_one_writer:
                # The next begin while this commit waits for the disk; what it has locked they pass over.
                self._give_up(mine)
            return found

        with suppress(DBAPIError, JobmonServerError):
            for one, verdict in zip(some, self._database.transact(act), strict=True):
                one.verdict = verdict

    def _give_up(self, mine: WaitingReport) -> None:
        """Pass on one's turn, if one still has it."""
        if mine.has_turn:
            mine.has_turn = False
            self._pass_on()

    def _pass_on(self) -> None:
        """Give a turn to who waits longest; if nobody waits it is free."""
        with self._changing:
            if not self._waiting:
                self._turns += 1
                return
            heir = self._waiting.popleft()
        heir.has_turn = True
        heir.told.release()

    def _alone(self, mine: WaitingReport) -> Verdict:
        """Write one report, waiting for its rows, without a turn: so nobody else waits for them."""
        verdict = self._database.transact(report, mine.task_instance_id, mine.news)
        settle_if_over(self._database, [verdict.left_workflow_id])
        return verdict


def _without_peers(mine: WaitingReport, others: list[WaitingReport]) -> list[WaitingReport]:
    """Return those to be released now: all but the peers of one whose workflow may be over, which settles it first.

    So a workflow is looked at once, by one of its own callers: nobody waits for the settle of another workflow.
    """
    first: dict[int, WaitingReport] = {}
    released: list[WaitingReport] = []
    for one in (mine, *others):
        settles = one if one.left_workflow_id is None else first.setdefault(one.left_workflow_id, one)
        if settles is not one:
            settles.peers.append(one)
        elif one is not mine:
            released.append(one)
    return released


def _release(waiting: list[WaitingReport]) -> None:
    """Let callers go on."""
    for one in waiting:
        one.told.release()
