"""Who is meant by a call about many, and on which terms: counted, and told by a digest, before anything is done."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Connection

from jobmon_client.states import OnError
from jobmon_server.actions.operator.task_operation import Preconditions
from jobmon_server.db.reads.ownership import foreign_workflows
from jobmon_server.db.reads.selection import read_tasks, read_workflows
from jobmon_server.db.search import Condition, Entity, Operator, count, select_ids
from jobmon_server.db.search.fields import id_field
from jobmon_server.errors import Invalid
from jobmon_server.principal import Reach

#: What a selection without a limit finds at most.
EVERY = 2**31 - 1
#: Why what was named is left alone that belongs to somebody else.
NOT_SERVED = "It belongs to another owner, whom this token does not serve."

Below = Callable[[Connection, Sequence[int]], list[int]]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is meant without naming ids: all that meets these conditions; everything, if there are none."""

    entity: Entity
    conditions: tuple[Condition, ...]

    def find(self, connection: Connection, limit: int, reach: Reach | None) -> list[int]:
        """Return up to `limit` ids of what is meant and within reach."""
        return select_ids(connection, self.entity, self.conditions, limit=limit, reach=reach)

    def among(self, connection: Connection, ids: Sequence[int]) -> set[int]:
        """Return those of these ids that are meant."""
        these = Condition(id_field(self.entity), Operator.IN, tuple(ids))
        found = select_ids(connection, self.entity, (*self.conditions, these), limit=len(ids))
        return set(found)

    def count(self, connection: Connection, reach: Reach | None) -> int:
        """Return how many are meant and within reach."""
        return count(connection, self.entity, self.conditions, reach=reach)


@dataclass(frozen=True, slots=True)
class TargetQuery:
    """Whom a call is about: `ids`, or all that a selection means; how many at most, 0 for any number; and its terms.

    Of what is not within `reach`, ids are fenced, and a selection means none of it.
    """

    ids: Sequence[int] = ()
    selection: Selection | None = None
    max_limit: int = 0
    digest: str | None = None
    on_error: OnError = OnError.CONTINUE
    reach: Reach | None = None


@dataclass(frozen=True, slots=True)
class Targets:
    """Who is meant: by workflow; `unknown` are ids that nothing has, `below` what a cascade takes with it.

    `foreign` are the statuses of what was named and belongs to owners whom the caller does not serve.
    """

    by_workflow: Mapping[int, list[int]]
    statuses: Mapping[int, Any]
    unknown: list[int]
    below: list[int]
    foreign: Mapping[int, Any] = field(default_factory=dict)

    @property
    def ids(self) -> list[int]:
        """Their ids, workflow by workflow, without those below."""
        return [one for ids in self.by_workflow.values() for one in ids]

    @property
    def number(self) -> int:
        """How many are to be told what became of them: those that are meant, and those that cannot be."""
        return len(self.ids) + len(self.unknown) + len(self.foreign)

    @property
    def matched(self) -> int:
        """How many they are."""
        return len(self.statuses)

    @property
    def digest(self) -> str:
        """What changes with the ids and with their statuses."""
        text = ",".join(f"{one}{status.code}" for one, status in sorted(self.statuses.items()))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def choose_tasks(connection: Connection, asked: TargetQuery, below: Below | None = None) -> Targets:
    """Choose tasks. Raises `Invalid` when they are too many, or others than the digest tells of."""
    return _choose(connection, asked, read_tasks, below)


def choose_workflows(connection: Connection, asked: TargetQuery) -> Targets:
    """Choose workflows. Raises `Invalid` when they are too many, or others than the digest tells of."""
    return _choose(connection, asked, read_workflows, None)


def _choose(connection: Connection, asked: TargetQuery, look: Any, below: Below | None) -> Targets:
    ids = sorted(set(asked.ids)) if asked.selection is None else _found(connection, asked, asked.selection)
    rows = look(connection, ids)
    others = foreign_workflows(connection, {row.workflow_id for row in rows}, asked.reach)
    foreign = {row.id: row.status for row in rows if row.workflow_id in others}
    named = {row.id for row in rows}
    rows = [row for row in rows if row.workflow_id not in others]
    there = {row.id for row in rows}
    under = [] if below is None else below(connection, sorted(there))
    by_workflow: dict[int, list[int]] = {}
    for row in rows:
        by_workflow.setdefault(row.workflow_id, []).append(row.id)
    statuses = {row.id: row.status for row in [*rows, *look(connection, under)]}
    chosen = Targets(by_workflow, statuses, [one for one in ids if one not in named], under, foreign)
    _refuse_too_many(asked, chosen.matched)
    if asked.digest not in {None, chosen.digest}:
        raise Invalid(
            "What matches now is not what that digest tells of; nothing was changed.",
            extra={"matched": chosen.matched, "digest": chosen.digest},
        )
    return chosen


def _found(connection: Connection, asked: TargetQuery, selection: Selection) -> list[int]:
    if not asked.max_limit:
        return selection.find(connection, EVERY, asked.reach)
    ids = selection.find(connection, asked.max_limit + 1, asked.reach)
    if len(ids) > asked.max_limit:
        _refuse_too_many(asked, selection.count(connection, asked.reach))
    return ids


def _refuse_too_many(asked: TargetQuery, matched: int) -> None:
    if asked.max_limit and matched > asked.max_limit:
        raise Invalid(
            f"{matched} match, more than max_limit, which is {asked.max_limit}; nothing was changed.",
            extra={"matched": matched},
        )


def not_served(chosen: Targets) -> list[tuple[int, Any, str]]:
    """Return what was named and is not the caller's to change: its id, its status, and why."""
    return [(one, status, NOT_SERVED) for one, status in sorted(chosen.foreign.items())]


def terms_of(asked: TargetQuery, chosen: Targets) -> Preconditions:
    """Return what each must still be once it is locked: what the selection means, and what the digest told of."""
    return Preconditions(
        still=None if asked.selection is None else asked.selection.among,
        expected={} if asked.digest is None else chosen.statuses,
        stop=asked.on_error is OnError.STOP,
    )
