"""Flagging what is past its time: in batches, each a transaction, so that one bad row costs nothing but itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from jobmon_server.db.core.transaction import Database
from jobmon_server.db.workflows import expiry
from jobmon_server.db.workflows.expiry import Candidate, Place
from jobmon_server.errors import CorruptRow

#: Asked between two batches: whether to go on.
Going = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class FailedWorkflow:
    """A workflow that something went wrong with, and what."""

    workflow_id: int
    message: str


@dataclass(slots=True)
class Swept:
    """Workflows by what a sweep made of them; `kept` are their owner's last, in `held` something lives still."""

    done: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    failed: list[FailedWorkflow] = field(default_factory=list)

    def sort_out(self, candidates: Sequence[Candidate]) -> list[int]:
        """Note those that nothing is done to, and return the others."""
        self.kept += [one.workflow_id for one in candidates if one.is_kept]
        self.held += [one.workflow_id for one in candidates if one.is_held and not one.is_kept]
        return [one.workflow_id for one in candidates if not one.is_kept and not one.is_held]


def flag_expired(database: Database, keep_last: int, going: Going) -> Swept:
    """Flag every workflow whose time is over, save the last of each owner. Without one, nothing is written."""
    swept = Swept()
    after: Place | None = None
    while going() and (candidates := database.read(expiry.expired, keep_last, after)):
        after = candidates[-1].place
        if ids := swept.sort_out(candidates):
            _flag(database, ids, keep_last, swept)
    return swept


def _flag(database: Database, ids: Sequence[int], keep_last: int, swept: Swept) -> None:
    """Flag these in one transaction; where that fails, each in one of its own."""
    try:
        swept.done += database.transact(flag_some, ids, keep_last)
    except (DBAPIError, CorruptRow) as error:
        if len(ids) == 1:
            swept.failed.append(FailedWorkflow(ids[0], str(error).splitlines()[0]))
            return
        for one in ids:
            _flag(database, [one], keep_last, swept)


def flag_some(connection: Connection, workflow_ids: Sequence[int], keep_last: int) -> list[int]:
    """Flag those of these that are past their time still, now that they are locked; return which."""
    locked = expiry.lock_expired(connection, workflow_ids, keep_last)
    ids = [one.workflow_id for one in locked if not one.is_kept and not one.is_held]
    if ids:
        expiry.flag(connection, ids)
    return ids
