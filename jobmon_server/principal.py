"""Who makes a request, as far as the server knows, and what that allows."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobmon_client.states import Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a token: its name goes into the journal, the rest onto the workflows that it binds."""

    name: str | None = None
    scopes: frozenset[Scope] = field(default_factory=lambda: frozenset(Scope))
    owner: str | None = None
    owner_group: str | None = None
    tenant: str | None = None


#: Who asks a server without authentication: nobody in particular, and he may do everything.
ANYBODY = Principal()
