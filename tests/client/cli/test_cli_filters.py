from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from jobmon_client.cli.bulk_operation import OperationTerms, on_terms
from jobmon_client.cli.filters import FILTERS, STATUSES, Conditions, filters


def asked(of: str, *arguments: str) -> Result:
    @click.command()
    @filters(of)
    def show(*, conditions: Conditions) -> None:
        click.echo(json.dumps(conditions))

    return CliRunner().invoke(show, arguments)


def conditions(of: str, *arguments: str) -> list[tuple[str, str, Any]]:
    ended = asked(of, *arguments)
    assert ended.exit_code == 0, ended.output
    return [(one["field"], one["operator"], one["value"]) for one in json.loads(ended.output)]


@pytest.mark.parametrize(
    ("of", "arguments", "wanted"),
    [
        ("task", [], []),
        ("task", ["--id", "3,4", "--id", "5"], [("task_id", "in", [3, 4, 5])]),
        ("task", ["--id", ""], [("task_id", "in", [])]),
        ("workflow", ["--id", "3"], [("workflow_id", "in", [3])]),
        (
            "task_instance",
            ["--task", "3", "--workflow", "1"],
            [("workflow_id", "in", [1]), ("task_id", "in", [3])],
        ),
        ("workflow", ["--task", "3"], [("member_task_id", "in", [3])]),
        ("task", ["--status", "done, paused"], [("status", "in", ["DONE", "PAUSED"])]),
        ("task", ["--name", "a,b*"], [("name", "like", "a,b*")]),
        (
            "task",
            ["--attr", "k=v=w", "--attr", "n=5"],
            [("attributes.k", "eq", "v=w"), ("attributes.n", "eq", "5")],
        ),
        ("task", ["--cluster", "a,b", "--cluster", "c"], [("cluster", "in", ["a,b", "c"])]),
        ("task_instance", ["--stale", "--held"], [("stale", "eq", True), ("held", "eq", True)]),
        ("task_instance", ["--distributor-id", "123_4"], [("cluster_id", "in", ["123_4"])]),
        ("task", ["--where", "num_attempts", "gt", "2"], [("num_attempts", "gt", 2)]),
        ("task", ["--where", "name", "in", "a, b"], [("name", "in", ["a", "b"])]),
        ("task", ["--where", "name", "eq", '"5"'], [("name", "eq", "5")]),
        ("task", ["--where", "name", "eq", "[1]"], [("name", "eq", "[1]")]),
    ],
)
def test_each_filter_is_a_condition(
    of: str, arguments: list[str], wanted: list[tuple[str, str, Any]]
) -> None:
    assert conditions(of, *arguments) == wanted


@pytest.mark.parametrize(
    "arguments",
    [
        ["--id", "x"],
        ["--attr", "k"],
        ["--attr", "=v"],
        ["--created-after", "soon"],
        ["--where", "a", "is", "b"],
    ],
)
def test_what_cannot_be_read_is_a_usage_error(arguments: list[str]) -> None:
    assert asked("task", *arguments).exit_code == 2


def test_a_time_without_a_zone_is_local_and_goes_out_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    program = "from jobmon_client.cli.filters import instant; import sys; print(*map(instant, sys.argv[1:]), sep='\\n')"
    times = ["2026-11-26T09:30", "2026-07-01", "2026-11-26T09:30:00.25+02:00", "2026-11-26T09:30Z"]
    said = subprocess.run(
        [sys.executable, "-c", program, *times], capture_output=True, text=True, check=True
    ).stdout.split()
    assert said == [
        "2026-11-26T14:30:00.000000Z",
        "2026-07-01T04:00:00.000000Z",
        "2026-11-26T07:30:00.250000Z",
        "2026-11-26T09:30:00.000000Z",
    ]


def test_every_kind_of_thing_has_its_filters() -> None:
    for of in STATUSES:
        assert {"--id", "--status", "--name", "--owner", "--stale", "--held"} <= {
            one.option for one in FILTERS if of in one.fields
        }


def terms(*arguments: str) -> Result:
    @click.command()
    @on_terms("task")
    def show(*, terms: OperationTerms) -> None:
        click.echo(json.dumps(terms.facts))

    return CliRunner().invoke(show, arguments)


def test_an_act_names_ids_as_ids_and_anything_else_as_a_search() -> None:
    nothing = {"digest": None, "max_limit": None, "on_error": None}
    assert json.loads(terms("3", "4").output) == {**nothing, "task_ids": [3, 4]}
    assert json.loads(terms("--id", "3,4", "--dry-run").output) == {
        **nothing,
        "task_ids": [3, 4],
        "preview": True,
    }
    found = json.loads(terms("3", "--status", "DONE", "--max-limit", "7", "--on-error", "stop").output)
    assert (found["max_limit"], found["on_error"]) == (7, "stop")
    assert [one["field"] for one in found["search"]] == ["task_id", "status"]
    assert json.loads(terms("--all").output) == {**nothing, "all": True}


@pytest.mark.parametrize("arguments", [[], ["--all", "3"], ["--all", "--status", "DONE"], ["--dry-run"]])
def test_an_act_that_does_not_say_which_is_refused(arguments: list[str]) -> None:
    ended = terms(*arguments)
    assert ended.exit_code == 2
    assert "--all" in ended.output
