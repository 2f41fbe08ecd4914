"""Who has waited longest gives way when too much is kept for slow clients."""

from __future__ import annotations

from jobmon_server.serving.held_bytes import HeldBytes


def hold(held: HeldBytes, holder: str, size: int, cut: list[str]) -> None:
    """Hold so many bytes; note who is cut."""
    held.hold(holder, size, lambda: cut.append(holder))


def test_the_one_that_has_waited_longest_is_cut_when_there_are_too_many_bytes() -> None:
    held, cut = HeldBytes(10), list[str]()
    hold(held, "a", 4, cut)
    hold(held, "b", 4, cut)
    hold(held, "a", 5, cut)
    assert (cut, held.total) == ([], 9)
    hold(held, "c", 2, cut)
    assert (cut, held.total) == (["a"], 6)


def test_as_many_are_cut_as_have_to_be_and_never_the_newest() -> None:
    held, cut = HeldBytes(10), list[str]()
    for holder in "abc":
        hold(held, holder, 3, cut)
    hold(held, "d", 99, cut)
    assert (cut, held.total) == (["a", "b", "c"], 99)


def test_what_was_released_is_not_counted() -> None:
    held, cut = HeldBytes(10), list[str]()
    hold(held, "a", 9, cut)
    held.release("a")
    held.release("a")
    hold(held, "b", 9, cut)
    assert (cut, held.total) == ([], 9)
