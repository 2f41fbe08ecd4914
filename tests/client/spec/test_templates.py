"""Arrays from a template: every set of arguments is a task, quoted, named, and refused where it cannot be one."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobmon_client import Workflow
from jobmon_client.spec.definition import InvalidDefinition
from jobmon_client.spec.templates import LONGEST_NAME, CommandTemplate


def names(workflow: Workflow) -> list[str]:
    return [task.name for task in workflow.definition.tasks]


def test_every_combination_is_a_task_of_one_array() -> None:
    workflow = Workflow("w")
    first = workflow.task("first", "true")
    fit = workflow.template("fit", "fit --place {place} --year {year:04d}", max_attempts=5)
    made = fit.expand(place=["a", "b"], year=range(7, 9), upstream=[first], max_concurrently_running=2)
    workflow.task("last", "true", upstream=made)
    expected = ["fit[place=a,year=7]", "fit[place=a,year=8]", "fit[place=b,year=7]", "fit[place=b,year=8]"]
    assert names(workflow) == ["first", *expected, "last"]
    one = workflow.definition.tasks[1]
    assert (one.command, one.array, one.max_attempts) == ("fit --place a --year 0007", "fit", 5)
    assert (one.upstream, one.attributes) == (("first",), {"arguments": {"place": "a", "year": 7}})
    assert workflow.definition.tasks[-1].upstream == tuple(expected)
    assert workflow.definition.arrays == {"fit": 2}


def test_rows_are_taken_as_they_are() -> None:
    workflow = Workflow("w")
    made = workflow.template("t", "x {a} {b}").expand(rows=[{"a": 1, "b": 2}, {"b": 4, "a": 3}])
    assert [task.name for task in made] == ["t[a=1,b=2]", "t[a=3,b=4]"]


def test_a_template_without_fields_and_one_with_braces() -> None:
    workflow = Workflow("w")
    workflow.template("t", "awk '{{print $1}}'").task()
    assert workflow.definition.tasks[0].command == "awk '{print $1}'"
    assert names(workflow) == ["t"]


@pytest.mark.property
@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40))
def test_no_argument_can_become_a_command(text: str) -> None:
    command = CommandTemplate("t", "printf %s {text}").fill({"text": text})
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=True)
    assert ended.stdout == text.encode()


def test_quoting_can_be_left_out() -> None:
    workflow = Workflow("w")
    workflow.template("t", "{what}", quoted=False).task(what="a | b", name="mine")
    assert (workflow.definition.tasks[0].command, names(workflow)) == ("a | b", ["mine"])


def test_a_long_name_is_cut_and_stays_its_own() -> None:
    template = CommandTemplate("t", "{text}")
    first, second = (template.task_name({"text": "x" * 300 + end}) for end in "ab")
    assert len(first) <= LONGEST_NAME
    assert first != second


def test_attributes_hold_what_is_no_json_as_text() -> None:
    workflow = Workflow("w")
    workflow.template("t", "{a}", attributes={"mine": 1}).task(a={1, 2}.__class__)
    assert workflow.definition.tasks[0].attributes == {"mine": 1, "arguments": {"a": "<class 'set'>"}}


@pytest.mark.parametrize(
    ("command", "arguments", "says"),
    [
        ("{a}", {}, "a: missing"),
        ("{a}", {"a": 1, "b": 2}, "b: unknown; the command's fields are: a"),
        ("{a:d}", {"a": "text"}, "a: 'text' cannot be formatted"),
        ("{", {}, "write {{ and }} for braces"),
        ("{}", {}, "{} is no field"),
        ("{0}", {}, "{0} is no field"),
        ("{a.b}", {}, "{a.b} is no field"),
        ("{a[0]}", {}, "{a[0]} is no field"),
        ("{a!r}", {}, "{a!r} is no field"),
        ("{a:{b}}", {}, "{a:{b}} is no field"),
    ],
)
def test_what_cannot_be_filled_in_is_refused_by_name(
    command: str, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        CommandTemplate("t", command).fill(arguments)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"a": "text"}, "a: is one value; allowed: a list of values"),
        ({"b": [1]}, "a: missing"),
        ({"rows": [{"a": 1}], "a": [1]}, "either rows"),
        ({"rows": [{"b": 1}]}, "a: missing"),
        ({"a": [1, 1]}, "another task has this name"),
    ],
)
def test_what_cannot_be_expanded_is_refused(how: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        Workflow("w").template("t", "{a}").expand(**how)
    assert says in str(refused.value)


def test_an_empty_list_makes_no_task() -> None:
    workflow = Workflow("w")
    assert workflow.template("t", "{a}").expand(a=[]) == []
    assert names(workflow) == []
