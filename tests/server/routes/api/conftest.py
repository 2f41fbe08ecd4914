"""A path for each test."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from jobmon_server.actions.reporting.deadlines import reap
from jobmon_server.db.core.transaction import Database
from tests.support.path import Path


@pytest.fixture
def path(client: FlaskClient, database: Database) -> Path:
    """The main path on a fresh database, with the reaper at hand."""
    return Path(client, reap=lambda: reap(database))
