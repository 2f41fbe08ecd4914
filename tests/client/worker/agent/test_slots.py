"""Whose turn it is: how many run at once, and how far ahead leave is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobmon_client.worker.agent.job import Job, Phase
from jobmon_client.worker.agent.slots import FARTHEST_AHEAD, ROUNDS, Slots
from jobmon_client.worker.process.items import LogFiles, WorkItem


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def filled(number: int, jobs: int, clock: Clock) -> Slots:
    found = Slots(number, clock)
    for one in range(jobs):
        item = WorkItem(one, "name", "true", 1, 1)
        found.add(Job(item, LogFiles.of(item, Path("/nowhere"))))
    return found


def asked(all_slots: Slots) -> list[Job]:
    found = []
    while (job := all_slots.next_to_ask()) is not None:
        found.append(job)
    return found


def started(all_slots: Slots) -> list[Job]:
    found = []
    while (job := all_slots.next_to_start()) is not None:
        found.append(job)
    return found


def one_round(all_slots: Slots, clock: Clock, *, answer: float, command: float) -> list[Job]:
    """Two slots: leave is asked, answered so many seconds later, and what starts takes so many seconds."""
    asked_for = asked(all_slots)
    clock.now += answer
    for job in asked_for:
        all_slots.answered(job, granted=True)
    for _ in started(all_slots):
        all_slots.free(command)
    return asked_for


def test_leave_is_asked_for_the_slots_that_there_are(clock: Clock) -> None:
    both = filled(2, 5, clock)
    assert [job.id for job in asked(both)] == [0, 1]


def test_where_commands_take_long_none_is_asked_ahead(clock: Clock) -> None:
    both = filled(2, 20, clock)
    for _ in range(4):
        assert len(one_round(both, clock, answer=0.02, command=5.0)) == 2


def test_as_many_are_asked_ahead_as_can_end_while_reports_are_answered(clock: Clock) -> None:
    both = filled(2, 100, clock)
    one_round(both, clock, answer=0.02, command=0.01)
    one_round(both, clock, answer=0.02, command=0.01)
    assert len(asked(both)) == 2 + ROUNDS * 2 * 2


def test_a_server_that_was_away_for_long_is_not_asked_without_end(clock: Clock) -> None:
    both = filled(2, 1_000, clock)
    one_round(both, clock, answer=0.02, command=0.01)
    one_round(both, clock, answer=600.0, command=0.01)
    assert len(asked(both)) == 2 + FARTHEST_AHEAD


def test_no_more_start_than_there_are_slots_and_in_the_order_of_leave(clock: Clock) -> None:
    both = filled(2, 20, clock)
    one_round(both, clock, answer=0.2, command=0.01)
    one_round(both, clock, answer=0.2, command=0.01)
    for job in asked(both):
        both.answered(job, granted=True)
    first = started(both)
    assert len(first) == 2
    assert [job.phase for job in both.granted.values()] == [Phase.GRANTED] * len(both.granted)
    assert started(both) == []
    both.free(None)
    (third,) = started(both)
    assert [job.id for job in (*first, third)] == sorted(job.id for job in (*first, third))


def test_who_is_refused_or_withdrawn_keeps_nobody_from_a_slot(clock: Clock) -> None:
    one = filled(1, 4, clock)
    (refused,) = asked(one)
    one.answered(refused, granted=False)
    (granted,) = asked(one)
    one.answered(granted, granted=True)
    one.withdraw(granted)
    assert started(one) == []
    (third,) = asked(one)
    one.answered(third, granted=True)
    assert started(one) == [third]
