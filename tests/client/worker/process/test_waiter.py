"""The agent's waiting point."""

from __future__ import annotations

from jobmon_client.worker.process.waiter import Waiter


def test_a_call_that_raises_keeps_those_behind_it_from_nothing() -> None:
    waiter = Waiter()
    made: list[int] = []

    def fail() -> None:
        raise RuntimeError("as a callback may")

    waiter.post(lambda: made.append(1))
    waiter.post(fail)
    waiter.post(lambda: made.append(2))
    waiter.wait(0)
    assert made == [1, 2]
    waiter.post(lambda: made.append(3))
    waiter.wait(0)
    assert made == [1, 2, 3]
