"""A checked caller and a path for each test; a staged database for races."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from flask.testing import FlaskClient

from jobmon_server.actions.reporting.deadlines import reap
from jobmon_server.app import create_app
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.server.arena import Arena
from tests.server.staging import StagedDatabase
from tests.support.path import Path


@pytest.fixture
def path(client: FlaskClient, database: Database) -> Path:
    """The main path on a fresh database, with the reaper at hand."""
    return Path(client, reap=lambda: reap(database))


@pytest.fixture
def quiet() -> Iterator[None]:
    """Keep the line of each request out: there are thousands, and re-runs are to be seen among what is left."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    yield
    structlog.reset_defaults()


@pytest.fixture
def arena(database_url: str, quiet: None) -> Iterator[Arena]:
    """Where races are run; `db check` must find nothing afterwards."""
    database = StagedDatabase.at(database_url)
    app = create_app(database)
    # A turn for each racer: who is held on purpose holds his turn too, and the other would wait for it (test_together.py).
    app.extensions["jobmon"].together._turns = 2
    with ThreadPoolExecutor(2) as pool:
        arena = Arena(database, app, pool, Path(app.test_client()))
        yield arena
    assert database.read(check) == []
    database.dispose()
