"""`hold`: a distributor that cannot ask its cluster puts deadlines off, where the instances are, for a bounded time in all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import Path
from tests.support.situations import SITUATIONS, into

HELD = ("LAUNCHED", "TRIAGING", "NO_HEARTBEAT")


def hold(path: Path, one: int, seconds: float = 600) -> Any:
    """Hold one instance; what is said of it."""
    beat = {"task_instance_ids": [one], "next_report_increment": seconds, "hold": True}
    return path.post("/task_instance/log_report_by/batch", **beat).get_json()


def deadline(path: Path, one: int) -> datetime:
    return datetime.fromisoformat(path.instance(one)["report_by"])


@pytest.mark.parametrize("situation", HELD)
def test_it_puts_a_deadline_off_and_is_in_the_journal_once(
    path: Path, database: Database, situation: str
) -> None:
    path.bind().start()
    (one,) = into(path, situation)
    was, journal = deadline(path, one), path.journal(one)
    assert hold(path, one) == {"applied": 1, "outcomes": []}
    assert (deadline(path, one) - was).total_seconds() > 500
    assert path.instance(one)["status"] == situation
    assert hold(path, one, 900)["applied"] == 1
    assert path.journal(one) == [*journal, (situation, situation, "applied")]
    assert database.read(check) == []


def test_what_was_not_launched_is_extended_as_without_it(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "INSTANTIATED")
    was, journal = deadline(path, one), path.journal(one)
    assert hold(path, one)["applied"] == 1
    assert deadline(path, one) > was
    assert (path.journal(one), path.instance(one)["held_seconds"]) == (journal, None)


@pytest.mark.parametrize("situation", sorted(set(SITUATIONS) - {*HELD, "INSTANTIATED"}))
def test_of_what_it_is_not_for_it_changes_nothing(path: Path, situation: str) -> None:
    path.bind().start()
    (one,) = into(path, situation)
    was, journal = path.instance(one), path.journal(one)
    (said,) = hold(path, one)["outcomes"]
    assert (said["outcome"], said["status"]) == ("untimely", was["status"])
    assert (path.instance(one), path.journal(one)) == (was, journal)


def test_patience_is_bounded_in_all(serving: Callable[..., Path]) -> None:
    path = serving(cluster_patience=1000.0).bind().start()
    (one,) = into(path, "LAUNCHED")
    was = deadline(path, one)
    assert hold(path, one, 500)["applied"] == 1
    assert hold(path, one, 100_000)["applied"] == 1
    assert (deadline(path, one) - was).total_seconds() == pytest.approx(1000)
    before = path.instance(one)
    (said,) = hold(path, one, 200_000)["outcomes"]
    assert (said["outcome"], path.instance(one)) == ("untimely", before)


def test_holds_of_one_call_are_bounded_as_single_ones(serving: Callable[..., Path]) -> None:
    path = serving(cluster_patience=0.0).bind().start()
    (one,) = into(path, "TRIAGING")
    assert [said["outcome"] for said in hold(path, one)["outcomes"]] == ["untimely"]


def test_it_is_not_said_together_with_what_a_worker_says(path: Path) -> None:
    facts = {"task_instance_ids": [1], "next_report_increment": 1, "hold": True, "unkillable": True}
    reply = path.post("/task_instance/log_report_by/batch", **facts)
    assert reply.status_code == 422
    assert reply.get_json()["error"]["details"][0]["field"] == "unkillable"
