"""Which scope each route asks for, as data. What is not listed is safe: a GET takes a viewer, all else an operator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jobmon_client.states import Scope
from jobmon_server.db.search import Entity
from jobmon_server.errors import Forbidden
from jobmon_server.principal import allowing
from jobmon_server.routes.http.endpoint import PREFIX, principal

_INSTANCE = "/task_instance/<id:task_instance_id>"
#: The names of reports, which are also the last part of their routes.
WORKER_REPORTS = ("log_running", "log_report_by", "log_done", "log_error_worker_node")
DISTRIBUTOR_REPORTS = ("log_distributor_id", "log_no_distributor_id", "log_known_error", "log_unknown_error")

#: Who watches a server has no token.
OPEN = frozenset(
    {
        *("/health", "/ready", f"{PREFIX}/health", f"{PREFIX}/ready"),
        # Pages: where a browser is asked for its token, and how that looks.
        *("/", "/ui", "/ui/login", "/ui/logout", "/ui/enter", "/ui/static/<path:filename>"),
    }
)
#: POST routes below the prefix that an operator is not needed for.
POSTS: dict[Scope, tuple[str, ...]] = {
    # They ask much, and change nothing.
    Scope.VIEWER: (
        "/workflow/<id:workflow_id>/preview",
        *(f"/{entity}/{verb}" for entity in Entity for verb in ("search", "count", "summary", "stream")),
        "/task/commands",
        "/page_code",
    ),
    Scope.WORKER: (
        *(f"{_INSTANCE}/{name}" for name in WORKER_REPORTS),
        "/task_instance/log_report_by/batch",
        "/commands/acknowledge",
        "/reports",
    ),
    Scope.DISTRIBUTOR: (
        *(f"{_INSTANCE}/{name}" for name in DISTRIBUTOR_REPORTS),
        "/task_instance/instantiate_task_instances",
        "/array/<id:array_id>/batch/<id:batch_num>/log_launched",
        "/submission",
        "/submission/<submission_uuid>/log_distributor_id",
        "/submission/<submission_uuid>/remove",
        "/task/inputs",
        "/task_instance/accounting",
    ),
}
_NEEDED = {PREFIX + rule: scope for scope, rules in POSTS.items() for rule in rules}
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def needed(method: str, rule: str) -> Scope | None:
    """Return the scope that a route asks for; None if it asks for no token."""
    if rule in OPEN:
        return None
    return Scope.VIEWER if method in _READING else _NEEDED.get(rule, Scope.OPERATOR)


def refuse_foreign(reports: Iterable[Any]) -> None:
    """Refuse a whole call of `/reports` in which a worker's token says what only distributors say. Raises `Forbidden`."""
    if any(isinstance(one, dict) and one.get("report") in DISTRIBUTOR_REPORTS for one in reports):
        require(Scope.DISTRIBUTOR)


def require(scope: Scope) -> None:
    """Refuse who may not do what a scope allows. Raises `Forbidden`."""
    if not principal().may(scope):
        raise Forbidden(allowing(scope))
