"""How long a workflow is kept once it is over, and what the keeper does about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.path import Path, task


def bind(path: Path, **facts: Any) -> Any:
    reply = path.post("/workflow", name="w", **facts)
    assert reply.status_code in {200, 201}, reply.get_json()
    return reply.get_json()


@pytest.mark.parametrize(
    ("asked", "kept", "clamped"),
    [
        ({}, 3600, False),
        ({"expiry_seconds": 0}, 600, True),
        ({"expiry_seconds": 599}, 600, True),
        ({"expiry_seconds": 600}, 600, False),
        ({"expiry_seconds": 7200}, 7200, False),
        ({"expiry_seconds": 86_400}, 86_400, False),
        ({"expiry_seconds": 86_401}, 86_400, True),
    ],
)
def test_what_is_asked_for_is_kept_within_bounds_and_told(
    path: Path, asked: dict[str, int], kept: int, clamped: bool
) -> None:
    bound = bind(path, **asked)
    assert (bound["expiry_seconds"], bound["clamped"]) == (kept, clamped)
    assert path.get(f"/workflow/{bound['workflow_id']}")["expiry_seconds"] == kept


def test_clamping_is_logged_once(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identity = {"client_id": "c", "request_id": "r", "expiry_seconds": 1}
    first, again = bind(path, **identity), bind(path, **identity)
    assert (first["outcome"], again["outcome"], again["clamped"]) == ("applied", "duplicate", True)
    written = capsys.readouterr()
    assert (written.out + written.err).count("expiry clamped") == 1


def at(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def finished(path: Path, **facts: Any) -> Any:
    """Bind a workflow of one task, and run it to its end."""
    path.bind(task("a"), **facts).start()
    path.done(path.run_one())
    return path.workflow()


def test_it_expires_so_many_seconds_after_it_finished(path: Path) -> None:
    path.bind(task("a"), expiry_seconds=700).start()
    one = path.run_one()
    before = path.workflow()
    assert (before["finished_at"], before["expires_at"], before["expired_at"]) == (None, None, None)
    path.done(one)
    after = path.workflow()
    assert after["status"] == "DONE"
    assert at(after["expires_at"]) == at(after["finished_at"]) + timedelta(seconds=700)


def test_what_goes_on_again_does_not_expire(path: Path) -> None:
    assert finished(path)["expires_at"] is not None
    path.act("rerun", "a")
    assert (path.workflow()["finished_at"], path.workflow()["expires_at"]) == (None, None)


def test_it_does_not_expire_while_an_instance_is_not_confirmed_dead(path: Path) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    path.act("stop")
    stopped = path.workflow()
    assert (stopped["status"], path.instance(one)["status"]) == ("STOPPED", "KILL_SELF")
    assert stopped["finished_at"] is not None
    assert stopped["expires_at"] is None
    path.error(one, "ERROR_FATAL")
    assert path.workflow()["expires_at"] is not None
