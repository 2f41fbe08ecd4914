"""What the papers show is what happens: every page is followed on an embedded server, in a home of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobmon_client import config
from jobmon_client.cli.reference import page as commands_page
from jobmon_client.running.connection import connected
from jobmon_server.cli.reference import page as routes_page
from tests.docs.examples import Command, File, commands, follow, not_said, steps
from tests.house.rules import ROOT
from tests.support.server import environment

PAGES = ["docs/tutorial.md", "docs/how-to/steer.md"]
REFERENCES = [
    ("jobmon_client.cli.reference", "command-line.md", commands_page),
    ("jobmon_server.cli.reference", "http.md", routes_page),
]


@pytest.fixture
def surroundings(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a newcomer whose embedded server stays while the page is read."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    own = environment(HOME=str(tmp_path), PATH=path)
    kept = {name: value for name, value in own.items() if not name.startswith("XDG_")}
    with connected(config.load({}, kept)):
        yield kept


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(page: str, surroundings: dict[str, str], tmp_path: Path) -> None:
    text = (ROOT / page).read_text()
    assert sum(isinstance(step, Command) for step in steps(text)) > 3
    assert list(follow(text, tmp_path, surroundings)) == []


@pytest.mark.slow
def test_the_workflow_of_the_readme_is_run_by_its_command(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    text = (ROOT / "README.md").read_text()
    assert "\n    jobmon run greetings.yaml\n" in text
    (file,) = [step for step in steps(text) if isinstance(step, File)]
    run = f"```yaml\n{file.text}```\n```console\n$ jobmon run {file.name}\nWorkflow 1 is DONE…\n```\n"
    assert list(follow(run, tmp_path, surroundings)) == []


@pytest.mark.parametrize(("module", "name", "page"), REFERENCES, ids=["commands", "routes"])
def test_a_reference_is_fresh(module: str, name: str, page: Callable[[], str]) -> None:
    path = ROOT / "docs" / "reference" / name
    assert path.read_text() == page(), f"stale: python -m {module} > docs/reference/{name}"


def test_a_page_is_read_as_files_and_commands() -> None:
    page = "```yaml\n# a.yaml; more\nname: a\n```\nThen:\n```console\n$ one\nsaid\n…\n$ two\n```\n"
    file, one, two = steps(page)
    assert file == File("a.yaml", "# a.yaml; more\nname: a\n")
    assert (one, two) == (Command("one", ("said",)), Command("two", ()))


def test_lines_are_found_in_their_order() -> None:
    said = "ID  STATUS\n1   DONE\n2   ERROR_FATAL after 1.5 s\n"
    assert not_said(("ID STATUS", "2 ERROR_FATAL after … s"), said) is None
    assert not_said(("2 ERROR_FATAL …", "1 DONE"), said) == "1 DONE"
    assert not_said(("DONE",), said) == "DONE"


def test_who_ends_badly_or_says_something_else_is_a_problem(tmp_path: Path) -> None:
    page = "```console\n$ false\n$ false; echo $?\n1\n$ echo a\nb\n```\n"
    problems = list(follow(page, tmp_path, {"PATH": "/usr/bin:/bin"}))
    assert [problem.split("\n")[0] for problem in problems] == ["$ false", "$ echo a"]
    assert list(commands("no command\n")) == []
