"""The house rules on where things stand and what they are called: each takes modules and gives what offends."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.house.rules import Module

FOLDER_MODULES = 16
TEST_LINES = 400
#: One module a group of routes, and tests beside them.
MAY_BE_LARGE = ("jobmon_server/routes/api", "tests/server/routes/api")
#: What marshmallow looks for inside a schema.
NAMED_BY_LIBRARIES = frozenset({"Meta"})
NOT_COUNTED = frozenset({"__init__.py", "conftest.py"})
#: Folders of tests that are no package: the worlds of one technique.
OTHER_FOLDERS = frozenset({"tests/server/fsm/model"})
#: Who is imported, and the marks of which such a module has one.
TECHNIQUES = {
    "tests.server.arena": {"race"},
    "tests.server.actions.storm": {"race"},
    "hypothesis": {"property", "fuzz"},
    "tests.server.actions.life": {"property"},
}


def crowded(found: list[Module]) -> list[str]:
    """Folders with more than 16 modules."""
    counts = Counter(
        path.parent.as_posix()
        for path in (PurePosixPath(module.path) for module in found)
        if path.name not in NOT_COUNTED
    )
    return [
        f"{folder}: {count} modules, more than {FOLDER_MODULES}"
        for folder, count in sorted(counts.items())
        if count > FOLDER_MODULES and folder not in MAY_BE_LARGE
    ]


def named_twice(found: list[Module]) -> list[str]:
    """Classes of one name in several places of one distribution."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for module in found:
        for node in module.walk():
            if isinstance(node, ast.ClassDef) and node.name not in NAMED_BY_LIBRARIES:
                places[node.name].append(f"{module.path}:{node.lineno}")
    return [f"{name}: {', '.join(where)}" for name, where in sorted(places.items()) if len(where) > 1]


def too_long(found: list[Module]) -> list[str]:
    """Test files of more than 400 lines."""
    return [
        f"{module.path}: {len(module.lines)} lines, more than {TEST_LINES}"
        for module in found
        if len(module.lines) > TEST_LINES
    ]


def of_no_package(tests: list[Module], packages: set[str]) -> list[str]:
    """Folders below tests/server and tests/client that are named after no package."""
    folders = {PurePosixPath(module.path).parent.as_posix() for module in tests}
    return sorted(
        folder
        for folder in folders - OTHER_FOLDERS
        if folder.startswith(("tests/server", "tests/client"))
        and f"jobmon_{folder.removeprefix('tests/')}" not in packages
    )


def unmarked(found: list[Module]) -> list[str]:
    """Test modules of a technique without its mark."""
    return [
        f"{module.path}: imports {needs}, and is not marked {' or '.join(sorted(marks))}"
        for module in found
        if PurePosixPath(module.path).name.startswith("test_")
        for needs, marks in TECHNIQUES.items()
        if any(name == needs or name.startswith(f"{needs}.") for _, name in module.imports())
        and not marks & _marks_in(module)
    ]


def _marks_in(module: Module) -> set[str]:
    """The marks of the module or of some test in it."""
    return {
        node.attr
        for node in module.walk()
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pytest.mark"
    }


def without_sibling(found: list[Module]) -> list[str]:
    """Long tests that name no short test that exists."""
    tests = {(module.path, node.name): node for module in found for node in _tests_of(module)}
    wrong = []
    for (path, name), node in tests.items():
        for sibling in _siblings(node):
            known = tests.get((sibling.partition("::")[0], sibling.partition("::")[2]))
            if known is None or list(_siblings(known)):
                wrong.append(f"{path}::{name}: {sibling or 'nothing'} is no short test")
    return wrong


def long_tests(found: list[Module]) -> dict[str, str]:
    """Each long test with its short sibling."""
    return {
        f"{module.path}::{node.name}": sibling
        for module in found
        for node in _tests_of(module)
        for sibling in _siblings(node)
    }


def _tests_of(module: Module) -> Iterator[ast.FunctionDef]:
    for node in module.walk():
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def _siblings(node: ast.FunctionDef) -> Iterator[str]:
    """What the mark `long` of a test names; an empty string where it names nothing."""
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        if ast.unparse(call.func if call else decorator) == "pytest.mark.long":
            named = [one.value for one in call.keywords if one.arg == "sibling"] if call else []
            yield str(named[0].value) if named and isinstance(named[0], ast.Constant) else ""
