"""One pass of the keeper: what was begun is finished, what is past its time is flagged, what was flagged long ago goes."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError

from jobmon_server.actions.retention.archive import archive, file_of
from jobmon_server.actions.retention.expiry import FailedWorkflow, Going, Swept, flag_expired
from jobmon_server.actions.retention.workflow_deletion import mark_purged, remove
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.workflows import expiry, journal_pruning, workflow_removal
from jobmon_server.db.workflows.expiry import Place
from jobmon_server.errors import CorruptRow, Invalid, Unknown

#: How many stretches of the journal one pass looks at.
STRETCHES = 20


@dataclass(frozen=True, slots=True)
class RetentionResult:
    """What one pass did, by the ids of workflows; `journal_after` is where the next goes on in the journal."""

    flagged: list[int]
    purged: list[int]
    removed: list[int]
    kept: list[int]
    held: list[int]
    failed: list[FailedWorkflow] = field(default_factory=list)
    journal_rows: int = 0
    journal_after: int = 0

    def __bool__(self) -> bool:
        """Whether there was anything to do."""
        return bool(self.flagged or self.purged or self.removed or self.failed or self.journal_rows)


def run_retention_pass(
    database: Database, settings: Settings, going: Going, *, purges: bool = True, journal_after: int = 0
) -> RetentionResult:
    """Do one pass; `going` is asked between batches whether to go on."""
    flagged = flag_expired(database, settings.keep_last, going)
    purged = purge(database, settings, going) if purges and settings.purge_after else Swept()
    removed = remove_marked(database, settings, going) if purges else Swept()
    rows = 0
    if settings.journal_retention:
        rows, journal_after = retain_journal(database, settings.journal_retention, going, journal_after)
    return RetentionResult(
        flagged.done,
        purged.done,
        removed.done,
        flagged.kept,
        [*flagged.held, *removed.held],
        [*flagged.failed, *purged.failed, *removed.failed],
        rows,
        journal_after,
    )


def purge(database: Database, settings: Settings, going: Going) -> Swept:
    """Write down, where that is asked for, and mark what was flagged more than `purge_after` seconds ago."""
    swept = Swept()
    after: Place | None = None
    asked = (settings.keep_last, settings.purge_after)
    while going() and (candidates := database.read(expiry.purgeable, *asked, after)):
        after = candidates[-1].place
        for one in swept.sort_out(candidates):
            if not going():
                break
            try:
                if settings.archive_dir:
                    archive(database, one, file_of(settings.archive_dir, one))
                if database.transact(mark_purged, one, *asked):
                    swept.done.append(one)
            except (DBAPIError, CorruptRow, Invalid, Unknown) as error:
                swept.failed.append(FailedWorkflow(one, str(error).splitlines()[0]))
    return swept


def remove_marked(database: Database, settings: Settings, going: Going) -> Swept:
    """Remove the rows of what is marked: purged just now, or left by who deleted it; where something lives, later."""
    swept = Swept()
    after = workflow_removal.START
    while going() and (marked := database.read(workflow_removal.marked, after, expiry.BATCH)):
        after = marked[-1]
        for _, one in marked:
            try:
                is_gone = remove(database, one, settings.archive_dir, going)
                (swept.done if is_gone else swept.held).append(one)
            except (DBAPIError, CorruptRow, Invalid, Unknown) as error:
                swept.failed.append(FailedWorkflow(one, str(error).splitlines()[0]))
    return swept


def retain_journal(database: Database, retention: float, going: Going, after: int) -> tuple[int, int]:
    """Delete what of the journal is old, in a bounded number of batches; how many rows, and where to go on."""
    removed = 0
    for _ in range(STRETCHES):
        stretch = database.read(journal_pruning.old_rows, retention, after)
        if stretch.ids:
            removed += database.transact(journal_pruning.remove_rows, stretch.ids)
        after = stretch.after
        if not after or not going():
            break
    return removed, after
