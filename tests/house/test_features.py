"""docs/features.md has every row once, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache

from tests.house.rules import ROOT

ROWS = {"N": 52, "J": 123, "D": 85, "I": 55, "M": 68}
PAGE = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
LINES = re.findall(r"^\| ([A-Z]\d+) \| ([^|]*) \| ([^|]*) \|$", PAGE, re.MULTILINE)


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of the tests of a module."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_row_stands_there_once() -> None:
    counts = Counter(row for row, _, _ in LINES)
    assert counts == dict.fromkeys(
        [f"{kind}{number + 1}" for kind, last in ROWS.items() for number in range(last)], 1
    )
    assert len(re.findall(r"^\| [A-Z]\d", PAGE, re.MULTILINE)) == len(LINES)


def test_every_row_says_one_of_three_things() -> None:
    assert {said for _, said, _ in LINES} <= {"holds", "different", "not yet"}
    assert [row for row, _, why in LINES if not why.strip()] == []
    assert [row for row, said, why in LINES if said == "not yet" and not re.match(r"\([2-6]\) \w", why)] == []


def test_what_holds_names_a_test_that_exists() -> None:
    named = {row: why for row, said, why in LINES if said == "holds"}
    assert named
    missing = []
    for row, why in named.items():
        path, _, name = why.partition("::")
        if not (ROOT / path).is_file() or not name.startswith("test_") or name not in names_in(path):
            missing.append(f"{row}: {why}")
    assert missing == []
