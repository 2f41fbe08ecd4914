"""What a report brings and takes beside its own news: commands acknowledged, and commands that wait for its instance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_server.actions.reporting.report_types import Report
from jobmon_server.db.instances import commands
from jobmon_server.db.instances.commands import AckOutcome, PendingCommand
from jobmon_server.db.instances.writes import Change

Heard = tuple[Change, Report]
_SUCCESS = frozenset({Outcome.APPLIED, Outcome.DUPLICATE})


@dataclass(frozen=True, slots=True)
class CommandExchange:
    """What is told to who made a report."""

    commands: tuple[PendingCommand, ...] = ()
    acknowledged: tuple[AckOutcome, ...] = ()

    @property
    def is_remarkable(self) -> bool:
        """Whether there is more to tell than that everything acknowledged was taken."""
        return bool(self.commands) or any(one.outcome not in _SUCCESS for one in self.acknowledged)


def exchange(connection: Connection, heard: Sequence[Heard]) -> dict[int, CommandExchange]:
    """Take what reports acknowledge, then tell what still waits; by the position of the report, if there is anything.

    The database is asked only where a report acknowledges something, or where something waits.
    """
    acknowledging = [
        at for at, (change, news) in enumerate(heard) if news.acknowledged and _acknowledges(change, news)
    ]
    asking = [
        at for at, (change, news) in enumerate(heard) if change.was.pending_commands and _asks(change, news)
    ]
    if not acknowledging and not asking:
        return {}
    taken = _acknowledge(connection, heard, acknowledging)
    ids = sorted({heard[at][0].was.task_instance_id for at in asking})
    waiting = commands.deliver(connection, ids, heard[asking[0]][0].was.now) if asking else {}
    return {
        at: CommandExchange(
            tuple(waiting.get(heard[at][0].was.task_instance_id, ())) if _asks(*heard[at]) else (),
            tuple(taken.get(at, ())),
        )
        for at in sorted({*acknowledging, *asking})
    }


def _acknowledges(change: Change, news: Report) -> bool:
    """Whether a report acknowledges anything that counts: not one of a worker that has lost the instance."""
    return bool(news.acknowledged) and change.plan.outcome is not Outcome.FENCED


def _asks(change: Change, news: Report) -> bool:
    """Whether who makes a report runs the command, and something waits for it."""
    is_run = change.plan.task_instance is TI.RUNNING and change.plan.outcome in _SUCCESS
    return change.was.pending_commands > 0 and news.asks_for_commands and is_run


def _acknowledge(
    connection: Connection, heard: Sequence[Heard], acknowledging: Sequence[int]
) -> dict[int, list[AckOutcome]]:
    if not acknowledging:
        return {}
    each = [(at, one) for at in acknowledging for one in heard[at][1].acknowledged]
    given = [(heard[at][0].was.task_instance_id, one) for at, one in each]
    outcomes = commands.acknowledge(connection, given, heard[acknowledging[0]][0].was.now)
    taken: defaultdict[int, list[AckOutcome]] = defaultdict(list)
    for (at, _), outcome in zip(each, outcomes, strict=True):
        taken[at].append(outcome)
    return taken
