"""Failures are counted by key, with growing waits, until there were too many."""

from __future__ import annotations

from jobmon_client.distributor.backoff import FailureBackoff


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_waits_grow_and_the_last_is_repeated() -> None:
    clock = Clock()
    tries = FailureBackoff((1, 5), 10, clock)
    for wait in (1, 5, 5, 5):
        assert not tries.failed(("step", 1))
        clock.now += wait - 0.1
        assert not tries.is_due(("step", 1))
        clock.now += 0.1
        assert tries.is_due(("step", 1))
    assert tries.is_due(("step", 2))


def test_too_many_failures_are_told_once_and_the_count_begins_anew() -> None:
    tries = FailureBackoff((1,), 3, Clock())
    assert [tries.failed(("step", 1)) for _ in range(6)] == [False, False, True, False, False, True]


def test_success_clears_the_count() -> None:
    tries = FailureBackoff((1,), 2, Clock())
    assert not tries.failed(("step", 1))
    tries.succeeded(("step", 1))
    assert tries.is_due(("step", 1))
    assert not tries.failed(("step", 1))


def test_steps_are_counted_apart_and_what_is_over_is_forgotten() -> None:
    tries = FailureBackoff((1,), 2, Clock())
    for key in (("kill", 1), ("kill", 2), ("triage", 1)):
        assert not tries.failed(key)
    tries.forget_all_but({("kill", 2)}, of={"kill"})
    assert [tries.is_due(key) for key in (("kill", 1), ("kill", 2), ("triage", 1))] == [True, False, False]
