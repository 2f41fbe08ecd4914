"""A state machine as data: the edges with their reasons, and all that can be derived from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from jobmon_client.states import Group, Status

S = TypeVar("S", bound=Status)


@dataclass(frozen=True, slots=True)
class Edge(Generic[S]):
    """One allowed move, or one known race, and why it is there."""

    was: S
    to: S
    why: str
    operator: bool = False


class Table(Generic[S]):
    """The edges of one machine and the group of each status; refuses an edge written twice or one that leads nowhere.

    `operator` edges exist only for an operator's act (retry, rerun, resume): they do not make a status non-terminal.
    """

    def __init__(
        self,
        statuses: type[S],
        initial: S,
        edges: Iterable[tuple[S, S, str]],
        *,
        groups: Mapping[Group, Collection[S]],
        operator: Iterable[tuple[S, S, str]] = (),
        untimely: Iterable[tuple[S, S, str]] = (),
    ) -> None:
        """Build the derived sets; raise ValueError for a table that contradicts itself."""
        self.statuses = statuses
        self.initial = initial
        self.edges = (
            *(Edge(was, to, why) for was, to, why in edges),
            *(Edge(was, to, why, operator=True) for was, to, why in operator),
        )
        self.untimely = tuple(Edge(was, to, why) for was, to, why in untimely)
        self.groups: dict[S, Group] = {status: group for group, some in groups.items() for status in some}
        self._allowed = frozenset((edge.was, edge.to) for edge in self.edges)
        self._races = frozenset((edge.was, edge.to) for edge in self.untimely)
        self._refuse_contradictions(groups)
        left = {edge.was for edge in self.edges if not edge.operator}
        self.terminal: frozenset[S] = frozenset(statuses) - left
        self.live: frozenset[S] = frozenset(left)

    def _refuse_contradictions(self, groups: Mapping[Group, Collection[S]]) -> None:
        pairs = [(edge.was, edge.to) for edge in (*self.edges, *self.untimely)]
        twice = {f"{was}→{to}" for was, to in pairs if pairs.count((was, to)) > 1}
        loops = {str(edge.was) for edge in self.edges if edge.was == edge.to}
        if twice or loops:
            raise ValueError(
                f"{self.statuses.__name__}: written twice {sorted(twice)}, edges to itself {sorted(loops)}"
            )
        grouped = [status for some in groups.values() for status in some]
        unclear = {str(status) for status in self.statuses if grouped.count(status) != 1}
        if unclear:
            raise ValueError(f"{self.statuses.__name__}: not in one group {sorted(unclear)}")

    def allows(self, was: S, *path: S) -> bool:
        """Tell whether every step of `path`, walked from `was`, is an edge; an empty path is no move and allowed."""
        for to in path:
            if (was, to) not in self._allowed:
                return False
            was = to
        return True

    def is_untimely(self, was: S, to: S) -> bool:
        """Tell whether this pair is a known race: accepted, and nothing changes."""
        return (was, to) in self._races

    def sources(self, to: S) -> frozenset[S]:
        """Return the statuses that an edge leads from to `to`, operators' edges left out."""
        return frozenset(edge.was for edge in self.edges if edge.to == to and not edge.operator)
