"""A caller of the routes of `things`."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobmon_server.routes.http import error_handlers
from tests.server.routes.http.things import LIMIT, things


@pytest.fixture
def wire() -> FlaskClient:
    """A caller of the routes above."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LIMIT
    error_handlers.install(app)
    app.register_blueprint(things)
    return app.test_client()
