"""`/config`: what callers may rely on; and that it is true."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient

from jobmon_server.app import create_app
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database

SECRET = "mysql+pymysql://me:secret@127.0.0.1:1/jobmon"


def test_the_limits_of_this_server_are_told(app: Flask) -> None:
    limits = app.test_client().get("/api/v1/config").get_json()
    settings = Settings(auth="none")
    for name in ("expiry_minimum", "expiry_maximum", "expiry_default", "metric_samples", "auth"):
        assert limits[name] == getattr(settings, name)
    assert limits["metric_names"] == list(settings.metric_names)
    assert limits["version"]


def test_changed_settings_are_told(database: Database) -> None:
    changed = create_app(database, Settings(auth="none", expiry_maximum=4_000, max_content_length=5_000))
    limits = changed.test_client().get("/api/v1/config").get_json()
    assert (limits["expiry_maximum"], limits["max_content_length"]) == (4_000, 5_000)


def test_nothing_secret_is_told() -> None:
    app = create_app(Database.connect(SECRET), Settings(auth="none", database_url=SECRET, data_dir="/hidden"))
    text = app.test_client().get("/api/v1/config").text
    assert "secret" not in text
    assert "hidden" not in text


def test_the_limits_are_those_that_hold(client: FlaskClient) -> None:
    limits = client.get("/api/v1/config").get_json()
    page, batch = limits["largest_page"], limits["largest_batch"]
    assert client.get(f"/api/v1/workflow?limit={page}").status_code == 200
    assert client.get(f"/api/v1/workflow?limit={page + 1}").get_json()["limit"] == page
    for count, status in ((batch, 200), (batch + 1, 422)):
        assert client.post("/api/v1/reports", json={"reports": [0] * count}).status_code == status
    increment = limits["longest_increment"]
    heartbeat = {"worker_id": "w", "next_report_increment": increment}
    path = "/api/v1/task_instance/1/log_report_by"
    assert client.post(path, json=heartbeat).status_code == 404
    assert client.post(path, json={**heartbeat, "next_report_increment": increment + 1}).status_code == 422
    largest = limits["largest_result"]
    for size, status in ((largest - 2, 404), (largest - 1, 422)):
        done = {"worker_id": "w", "result": "x" * size}
        assert client.post("/api/v1/task_instance/1/log_done", json=done).status_code == status
