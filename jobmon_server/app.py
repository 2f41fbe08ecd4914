"""The application: the only place where database, settings, routes and the error door are joined."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from flask import Flask, Response, current_app, g, request

from jobmon_server.actions.reporting.group_commit import GroupCommit
from jobmon_server.config import Settings
from jobmon_server.db.core.limits import patience
from jobmon_server.db.core.transaction import Database
from jobmon_server.pages import views
from jobmon_server.routes import BLUEPRINTS
from jobmon_server.routes.api import health, metrics
from jobmon_server.routes.http import authentication, error_handlers, openapi, request_guard
from jobmon_server.routes.http.lazy_rule import LazyRule
from jobmon_server.routes.http.long_poll import LongPolls
from jobmon_server.settings.auth import NONE
from jobmon_server.shared_counters import SharedCounters

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Jobmon:
    """What a route finds in `app.extensions["jobmon"]`."""

    database: Database
    settings: Settings
    together: GroupCommit
    waiters: LongPolls


def create_app(
    database: Database, settings: Settings | None = None, closing: Callable[[], bool] = lambda: False
) -> Flask:
    """Make the WSGI application over a database; of disk and environment it reads the local token alone after this.

    Without settings nobody is asked for a token. `closing` tells that the process is about to end, so that no request
    waits any longer.
    """
    settings = settings or Settings(auth=NONE)
    app = Flask("jobmon_server", static_folder=None, template_folder=None)
    app.url_rule_class = LazyRule
    app.extensions["jobmon"] = Jobmon(
        database, settings, GroupCommit(database), LongPolls(settings.threads, closing)
    )
    app.config["MAX_CONTENT_LENGTH"] = settings.max_content_length
    error_handlers.install(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    openapi.install(app, BLUEPRINTS)
    views.install(app)
    health.install(app)
    metrics.install(app)
    database.tally.know_routes(
        (method, rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods or ()
    )
    app.before_request(_start)
    app.teardown_request(_end)
    request_guard.install(app, settings)
    if settings.auth != NONE:
        authentication.install(app, settings)
    request_guard.install_media(app)
    app.after_request(_log_request)
    return app


def _start() -> None:
    g.started = time.perf_counter()
    patience.start()


def _end(_error: BaseException | None) -> None:
    patience.end()


def _log_request(response: Response) -> Response:
    """Count the request and log it once, after it: quietly when it succeeded."""
    seconds = time.perf_counter() - g.started
    rule = request.url_rule.rule if request.url_rule else ""
    tally: SharedCounters = current_app.extensions["jobmon"].database.tally
    tally.request(request.method, rule, response.status_code, seconds)
    write = log.debug if response.status_code < 400 else log.info
    write(
        "request",
        route=rule or request.path,
        method=request.method,
        status=response.status_code,
        outcome=getattr(response, "outcome", None),
        milliseconds=round(seconds * 1000, 3),
        ids=request.view_args or {},
    )
    return response
