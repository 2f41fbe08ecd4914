"""A duty goes on whatever ends its loop, and readiness says which duties fail, and since when."""

from __future__ import annotations

import threading
from collections.abc import Callable

from flask.testing import FlaskClient

from jobmon_server.background.leader_job import LeaderJob
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database
from jobmon_server.shared_counters import FAILURES


class Moody(LeaderJob):
    """A duty whose steps end as they are told."""

    name = "reaper"
    failures = FAILURES

    def __init__(self, database: Database, ends: list[BaseException | None]) -> None:
        super().__init__(database, Settings(), threading.Event(), 0.01)
        self.ends = ends
        self.goes_on = threading.Event()
        self.succeeded = threading.Event()

    def step(self) -> None:
        if not self.ends:
            self.succeeded.set()
            self.goes_on.wait()
            return
        end = self.ends.pop(0)
        if end is not None:
            raise end
        self.goes_on.wait()


def test_a_duty_that_ended_is_started_again_and_shows(
    database: Database, client: FlaskClient, eventually: Callable[..., object]
) -> None:
    duty = Moody(database, [SystemExit(1), KeyboardInterrupt(), ValueError("no"), None])
    duty.start()
    eventually(lambda: not duty.ends)
    (shown,) = client.get("/ready").get_json()["duties"]
    assert (shown["name"], shown["restarts"]) == ("reaper", 2)
    assert shown["failing_since"] is not None
    duty.goes_on.set()
    eventually(duty.succeeded.is_set)
    eventually(lambda: client.get("/ready").get_json()["duties"][0]["failing_since"] is None)
    assert client.get("/ready").get_json()["duties"][0]["restarts"] == 2
    duty.stop()
