"""Who makes a request, as far as the server knows, what that allows, and whose workflows it allows it on."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobmon_client.states import Scope, Serve

#: Each scope allows what those before it allow: everybody may look, an admin may do everything.
LADDER = tuple(Scope)


def allowing(needed: Scope) -> tuple[Scope, ...]:
    """Return the scopes that allow what this one allows."""
    return LADDER[LADDER.index(needed) :]


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose workflows a caller may change: those of one owner and, where `owner_group` is given, of one group.

    No owner is an owner as any other: null equals null. No group is no group.
    """

    owner: str | None = None
    owner_group: str | None = None

    def covers(self, owner: str | None, owner_group: str | None) -> bool:
        """Tell whether what belongs to these is within reach."""
        return owner == self.owner or (self.owner_group is not None and owner_group == self.owner_group)


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a token: its name goes into the journal, its owner, group and tenant onto the workflows that it binds."""

    name: str | None = None
    scopes: frozenset[Scope] = field(default_factory=lambda: frozenset(Scope))
    owner: str | None = None
    owner_group: str | None = None
    tenant: str | None = None
    serve: Serve = Serve.OWN

    def may(self, needed: Scope) -> bool:
        """Tell whether one of the scopes allows it."""
        return not self.scopes.isdisjoint(allowing(needed))

    @property
    def ownership(self) -> dict[str, str | None]:
        """What a workflow keeps of who bound it."""
        return {"owner": self.owner, "owner_group": self.owner_group, "tenant": self.tenant}

    @property
    def reach(self) -> Reach | None:
        """Whose workflows it may change; None for everybody's."""
        if self.serve is Serve.ALL or Scope.ADMIN in self.scopes:
            return None
        return Reach(self.owner, self.owner_group if self.serve is Serve.GROUP else None)


#: Who asks a server without authentication: nobody in particular, with every scope.
ANYBODY = Principal()
