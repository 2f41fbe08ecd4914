"""Modules, classes and tests stand where they are looked for; each checker can say no."""

from __future__ import annotations

import pytest

from tests.house import layout, rules
from tests.house.rules import Module

TESTS = rules.modules("tests")


def folder(name: str, count: int) -> list[Module]:
    return [Module(f"{name}/m{number}.py", "") for number in range(count)]


def test_no_folder_is_crowded() -> None:
    assert layout.crowded([*rules.modules(*rules.PACKAGES), *TESTS]) == []


def test_a_crowded_folder_is_found() -> None:
    beside = [Module("tests/x/__init__.py", ""), Module("tests/x/conftest.py", "")]
    assert layout.crowded([*folder("tests/x", 16), *beside]) == []
    assert layout.crowded(folder("tests/x", 17)) == ["tests/x: 17 modules, more than 16"]
    assert layout.crowded(folder("jobmon_server/routes/api", 30)) == []


@pytest.mark.parametrize("package", rules.PACKAGES)
def test_no_class_name_stands_twice_in_a_distribution(package: str) -> None:
    assert layout.named_twice(rules.modules(package)) == []


def test_a_class_name_that_stands_twice_is_found() -> None:
    found = [Module("a.py", "class Change: pass"), Module("b.py", "def f():\n    class Change: pass")]
    assert layout.named_twice(found) == ["Change: a.py:1, b.py:2"]


def test_no_test_file_is_too_long() -> None:
    assert layout.too_long(TESTS) == []


def test_a_test_file_that_is_too_long_is_found() -> None:
    assert layout.too_long([Module("tests/a.py", "x = 1\n" * 400)]) == []
    assert layout.too_long([Module("tests/a.py", "x = 1\n" * 401)]) == [
        "tests/a.py: 401 lines, more than 400"
    ]


def test_folders_of_tests_are_named_after_packages() -> None:
    packages = {module.path.rpartition("/")[0] for module in rules.modules(*rules.PACKAGES)}
    assert layout.of_no_package(TESTS, packages) == []


def test_a_folder_of_tests_that_is_named_after_no_package_is_found() -> None:
    found = [Module(f"tests/{name}/test_x.py", "") for name in ("server/fsm", "server/unit", "e2e")]
    assert layout.of_no_package(found, {"jobmon_server/fsm"}) == ["tests/server/unit"]


def test_a_test_of_a_technique_has_its_mark() -> None:
    assert layout.unmarked(TESTS) == []


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        ("from hypothesis import given", True),
        ("from hypothesis import given\npytestmark = pytest.mark.race", True),
        ("from hypothesis import given\npytestmark = pytest.mark.fuzz", False),
        ("from tests.server.arena import Arena\npytestmark = [pytest.mark.slow, pytest.mark.race]", False),
        ("import hypotheses", False),
    ],
)
def test_a_technique_without_its_mark_is_found(source: str, is_found: bool) -> None:
    assert bool(layout.unmarked([Module("tests/test_x.py", source)])) is is_found


def test_each_long_test_has_a_short_sibling() -> None:
    assert layout.long_tests(TESTS) != {}
    assert layout.without_sibling(TESTS) == []


@pytest.mark.parametrize(
    ("mark", "is_found"),
    [
        ('long(sibling="tests/test_x.py::test_short")', False),
        ('long(sibling="tests/test_x.py::test_long")', True),
        ('long(sibling="tests/test_x.py::test_missing")', True),
        ("long()", True),
        ("long", True),
        ("slow", False),
    ],
)
def test_a_long_test_without_a_short_sibling_is_found(mark: str, is_found: bool) -> None:
    source = f"def test_short(): pass\n\n@pytest.mark.{mark}\ndef test_long(): pass"
    assert bool(layout.without_sibling([Module("tests/test_x.py", source)])) is is_found
