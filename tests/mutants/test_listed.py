"""What is listed for `tox -e mutation` still fits the code: otherwise a guard would no longer be tried."""

from __future__ import annotations

from collections import Counter

from tests.mutants.mutant import ROOT, edges, equivalents, faults, read
from tests.mutants.operators import DECIDING, WRITING


def test_each_fault_changes_one_place_into_another_program() -> None:
    found = list(faults())
    assert [name for name, times in Counter(one.name for one in found).items() if times > 1] == []
    for one in found:
        assert one.source != read(one.file), one.name
        compile(one.source, one.file, "exec")


def test_each_edge_is_taken_out_once_and_leaves_a_program() -> None:
    found = list(edges())
    assert len({one.source for one in found}) == len(found) > 90
    for one in found:
        compile(one.source, one.file, "exec")


def test_the_nearest_tests_exist() -> None:
    wanted = {test for one in (*faults(), *edges()) for test in one.tests}
    wanted |= {test for tests in (DECIDING | WRITING).values() for test in tests}
    assert sorted(test for test in wanted if not (ROOT / test).is_file()) == []


def test_each_equivalent_names_one_place_and_why() -> None:
    for one in equivalents():
        assert read(one.file).count(one.found) == 1, one
        assert one.found != one.replaced
        assert one.why
