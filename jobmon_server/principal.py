"""Who makes a request, as far as the server knows, and what that allows."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobmon_client.states import Scope

#: Each scope allows what those before it allow: everybody may look, an operator may do everything.
LADDER = tuple(Scope)


def allowing(needed: Scope) -> tuple[Scope, ...]:
    """Return the scopes that allow what this one allows."""
    return LADDER[LADDER.index(needed) :]


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a token: its name goes into the journal, the rest onto the workflows that it binds."""

    name: str | None = None
    scopes: frozenset[Scope] = field(default_factory=lambda: frozenset(Scope))
    owner: str | None = None
    owner_group: str | None = None
    tenant: str | None = None

    def may(self, needed: Scope) -> bool:
        """Tell whether one of the scopes allows it."""
        return not self.scopes.isdisjoint(allowing(needed))

    @property
    def ownership(self) -> dict[str, str | None]:
        """What a workflow keeps of who bound it."""
        return {"owner": self.owner, "owner_group": self.owner_group, "tenant": self.tenant}


#: Who asks a server without authentication: nobody in particular, and he may do everything.
ANYBODY = Principal()
