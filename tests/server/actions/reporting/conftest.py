"""Applications with settings of their own, such as what workers do out of touch."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobmon_server.actions.reporting.deadlines import reap
from jobmon_server.app import create_app
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database
from tests.support.path import Path


@pytest.fixture
def serving(database: Database) -> Callable[..., Path]:
    """`serving(lost_contact="stop", …)`: the path to an application with these settings."""

    def make(**settings: object) -> Path:
        client = create_app(database, Settings.load({"auth": "none", **settings}, {})).test_client()
        return Path(client, reap=lambda: reap(database))

    return make
