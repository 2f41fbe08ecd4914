"""Calls made by schemathesis from the OpenAPI document, good ones and broken ones: none is answered with 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from jobmon_server.app import create_app
from jobmon_server.db.core.transaction import Database
from tests.support.path import Path

pytestmark = pytest.mark.fuzz

SEED = 20_260
#: Requests in all, of every operation as many.
EVERY_RUN, LONG = 2_000, 20_000
ON_MARIADB = 400


@pytest.fixture
def app(database: Database) -> Flask:
    """A server that is about to end, so that nobody waits."""
    return create_app(database, closing=lambda: True)


@pytest.fixture
def prepared(app: Flask) -> Flask:
    """A server with a little of everything under the ids 1 to 4."""
    path = Path(app.test_client())
    path.bind(*({"name": name, "command": "true"} for name in "abcd")).start()
    path.error(path.run_one())
    path.run_one()
    path.claim(path.queue(limit=1))
    path.queue()
    return app


def operations(app: Flask) -> Iterator[Any]:
    """Every operation of the document."""
    for found in schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app).get_all_operations():
        assert isinstance(found, Ok), found
        yield found.ok()


def failures(app: Flask, requests: int) -> list[str]:
    """What was answered with 500, one call of each operation."""
    every = list(operations(app))
    each = max(1, requests // len(every))
    return [said for operation in every if (said := _failure(app, operation, each))]


def _failure(app: Flask, operation: Any, requests: int) -> str:
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )
    found: list[str] = []

    @seed(SEED)
    @settings(
        max_examples=requests,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def call(case: Any) -> None:
        response = case.call(app=app)
        if response.status_code == 500:
            found.append(f"{operation.label}: {case.as_curl_command()}")

    call()
    return found[0] if found else ""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_call_of_the_document_is_answered_with_500(prepared: Flask, database: Database) -> None:
    assert failures(prepared, EVERY_RUN if database.has_one_writer else ON_MARIADB) == []


@pytest.mark.long(
    sibling="tests/server/routes/http/test_document_fuzz.py::test_no_call_of_the_document_is_answered_with_500"
)
@pytest.mark.timeout(7_200)
def test_no_call_of_very_many_is_answered_with_500(prepared: Flask) -> None:
    assert failures(prepared, LONG) == []
