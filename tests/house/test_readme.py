"""README.md promises what there is."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import click
import pytest

from jobmon_client.cli.app import jobmon
from jobmon_client.spec import files
from jobmon_server.cli import main as jobmon_server
from tests.house.rules import ROOT

README = (ROOT / "README.md").read_text()
PROGRAMS = {"jobmon": jobmon, "jobmon-server": jobmon_server}
OFFERED = re.findall(r"^\| `(jobmon(?:-server)?) ([a-z ]+?)(?: ?\[?[A-Z].*)?` \|", README, re.MULTILINE)


def code(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize(("program", "words"), OFFERED, ids=" ".join)
def test_a_command_of_the_table_exists(program: str, words: str) -> None:
    command: click.Command = PROGRAMS[program]
    for word in words.split():
        assert isinstance(command, click.Group)
        command = command.commands[word]


def test_the_table_names_every_command() -> None:
    offered = {(program, words.split()[0]) for program, words in OFFERED}
    assert offered == {(program, name) for program, group in PROGRAMS.items() for name in group.commands}


def test_the_workflow_file_is_one() -> None:
    definition = files.workflow_of(files.parse(code("yaml"), Path("greetings.yaml")), "README.md")
    assert [(task.name, task.upstream) for task in definition.tasks] == [("hello", ()), ("count", ("hello",))]


def test_the_workflow_in_python_is_one() -> None:
    building, running, _ = code("python").partition("result = workflow.run()")
    assert running
    names: dict[str, object] = {}
    exec(building, names)
    definition = names["workflow"].definition  # type: ignore[attr-defined]
    assert [(task.name, task.upstream) for task in definition.tasks] == [("hello", ()), ("count", ("hello",))]


def test_both_first_commands_are_one_line_each() -> None:
    commands = re.findall(r"^    (sh \S+)$", README, re.MULTILINE)
    assert commands == ["sh deploy/demo.sh", "sh deploy/test.sh"]
    assert all((ROOT / command.split()[1]).is_file() for command in commands)


def test_ci_runs_the_second_command() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert script.read_text().rstrip().endswith('exec sh "$(dirname "$0")/../deploy/test.sh"')
