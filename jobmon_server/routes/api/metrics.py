"""`/metrics`: Prometheus text; under the prefix and at the root.

What is counted comes from the tally of this server's processes, what stands from the database. So any process gives
the same answer; of several servers on one database each tells its own counts and all tell the same state.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from flask import Flask, Response, current_app

from jobmon_server import check_file
from jobmon_server.config import Settings
from jobmon_server.db.admin.gauges import Measures, measure
from jobmon_server.errors import Busy
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from jobmon_server.routes.http.endpoint import blueprint, database, read, refusal_response
from jobmon_server.shared_counters import FENCED, TRANSITIONS, Family, Key, SharedCounters

if TYPE_CHECKING:
    from prometheus_client.core import Metric

metrics = blueprint("metrics", "What Prometheus asks.")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def scrape() -> Response:
    """What was counted, what lives and waits, how far behind the deadlines are; answers without a database too."""
    try:
        measures = read(measure)
    except Busy:
        measures = None
    return Response(
        text(database().tally, measures, current_app.extensions["jobmon"].settings), content_type=CONTENT_TYPE
    )


TEXT = {"description": "Prometheus text", "content": {"text/plain": {"schema": {"type": "string"}}}}
metrics.operate("/metrics", "GET", scrape, lambda: {"responses": {"200": TEXT, "500": refusal_response(500)}})


def text(tally: SharedCounters, measures: Measures | None, settings: Settings) -> bytes:
    """Return Prometheus' text format; its library is loaded when first asked for, not at start-up."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Everything(Collector):
        """One scrape."""

        def collect(self) -> Iterable[Metric]:
            """Go through all families."""
            for family in tally.families:
                yield from _counted(family, tally.total(family))
            yield _gauge("jobmon_database_up", "Whether the database answers.", {(): measures is not None})
            if measures is not None:
                yield from _standing(measures)
            yield from _checked(settings)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Everything())
    return generate_latest(registry)


def _gauge(name: str, meaning: str, values: Mapping[Key, float], *labels: str) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    made = GaugeMetricFamily(name, meaning, labels=labels)
    for key, value in values.items():
        made.add_metric([str(word) for word in key], float(value))
    return made


def _counted(family: Family, totals: Mapping[Key, list[float]]) -> Iterator[Metric]:
    """Give a family's numbers; of the many combinations only those that are possible or were seen."""
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    if family.latest:
        ages = {key: time.monotonic() - cells[0] for key, cells in totals.items() if cells[0]}
        yield _gauge(family.name, family.meaning, ages, *family.labels)
        return
    shown = {key: cells for key, cells in totals.items() if any(cells) or _is_expected(family, key)}
    if family.bounds:
        histogram = HistogramMetricFamily(family.name, family.meaning, labels=family.labels)
        for key, cells in shown.items():
            histogram.add_metric(_words(key), _buckets(family.bounds, cells), cells[-1])
        yield histogram
        return
    counter = CounterMetricFamily(family.name, family.meaning, labels=family.labels)
    for key, cells in shown.items():
        counter.add_metric(_words(key), cells[0])
    yield counter


def _is_expected(family: Family, key: Key) -> bool:
    if family is TRANSITIONS:
        was, to, outcome = key
        return outcome == "applied" and was is not None and TASK_INSTANCE.allows(was, to)
    return family is FENCED or not family.labels


def _words(key: Key) -> list[str]:
    return ["" if word is None else str(word) for word in key]


def _buckets(bounds: tuple[float, ...], cells: list[float]) -> list[tuple[str, float]]:
    """Add the buckets up: each holds those below it too."""
    total, found = 0.0, []
    for bound, count in zip((*map(str, bounds), "+Inf"), cells, strict=False):
        total += count
        found.append((bound, total))
    return found


def _standing(measures: Measures) -> Iterator[Metric]:
    by_status = {(status,): count for status, count in measures.task_instances.items()}
    yield _gauge("jobmon_task_instances", "Task instances that are not terminal.", by_status, "status")
    workflows = {(status,): count for status, count in measures.workflows.items()}
    yield _gauge("jobmon_workflows", "Workflows.", workflows, "status")
    overdue: dict[Key, float] = {(): measures.overdue}
    yield _gauge("jobmon_overdue_task_instances", "Instances past their deadline.", overdue)
    yield _gauge(
        "jobmon_deadline_lag_seconds", "By how much the oldest deadline has passed.", {(): measures.lag}
    )
    yield _gauge(
        "jobmon_lease_seconds", "How long each lease is held still.", measures.leases, "name", "holder"
    )


def _checked(settings: Settings) -> Iterator[Metric]:
    """Tell what `jobmon-server db check` found when it last ran on this machine."""
    found = check_file.last(settings)
    if found is not None:
        violations, at = found
        yield _gauge("jobmon_check_violations", "Violations that `db check` found last.", {(): violations})
        yield _gauge("jobmon_check_timestamp_seconds", "When `db check` last ran, Unix time.", {(): at})


def install(app: Flask) -> None:
    """Answer at the root too, where Prometheus looks."""
    app.add_url_rule("/metrics", "root_metrics", scrape)
