"""HTTP: one blueprint per caller. A route parses, acts, replies; it holds neither SQL nor decisions."""

from __future__ import annotations

from jobmon_server.routes.api import (
    bulk,
    callbacks,
    commands,
    configuration,
    distributor,
    force,
    fsm,
    health,
    limits,
    metrics,
    operator,
    page_sessions,
    patches,
    records,
    reports,
    resources,
    retention,
    search,
    submissions,
    waiting,
    worker,
    workflow,
)
from jobmon_server.routes.http.blueprint import Blueprint

#: In the order of the OpenAPI document.
BLUEPRINTS: tuple[Blueprint, ...] = (
    workflow.workflow,
    operator.operator,
    waiting.waiting,
    callbacks.callbacks,
    bulk.bulk,
    force.force,
    patches.patches,
    records.records,
    limits.limits,
    commands.commands,
    retention.keeping,
    worker.worker,
    distributor.distributor,
    submissions.submissions,
    reports.reports,
    resources.reads,
    search.search,
    fsm.fsm,
    page_sessions.page_sessions,
    health.health,
    metrics.metrics,
    configuration.configuration,
)
