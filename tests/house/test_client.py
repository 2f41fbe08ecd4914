"""One class speaks to the server; what takes several arguments takes them by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobmon_client.api.client import Api
from jobmon_client.running import workflow
from jobmon_client.running.template import Template
from jobmon_client.running.workflow import Workflow
from tests.house.rules import modules

POSITIONS = 3
HTTP = ("requests", "urllib3", "http", "socket", "jobmon_client.http")


def public(of: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The public methods of a class, bound or not, with its constructor."""
    for name, method in inspect.getmembers(of, callable):
        if not name.startswith("_") or (name == "__init__" and of is not Api):
            yield f"{of.__name__}.{name}", method


CALLABLES = [
    *public(Api),
    *public(Workflow),
    *public(Template),
    *((name, getattr(workflow, name)) for name in ("resume", "wait")),
]


@pytest.mark.parametrize(("name", "method"), CALLABLES, ids=[name for name, _ in CALLABLES])
def test_what_takes_several_arguments_takes_them_by_name(name: str, method: Callable[..., Any]) -> None:
    parameters = [one for one in inspect.signature(method).parameters.values() if one.name != "self"]
    positional = [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    assert len(positional) <= POSITIONS, f"{name}: {[one.name for one in positional]}"
    if len(positional) > 1:
        assert [one.name for one in positional if one.default is not one.empty] == [], name


def test_an_argument_too_many_is_refused_before_any_call() -> None:
    api = Api.connect("http://127.0.0.1:1")
    with pytest.raises(TypeError):
        api.bind_tasks(1, [], [])  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Workflow("w", {})  # type: ignore[call-arg]


def test_the_command_line_speaks_through_the_one_client_class() -> None:
    found = [
        f"{module.path}:{line}: {name}"
        for module in modules("jobmon_client/cli")
        for line, name in module.imports()
        if f"{name}.".startswith(tuple(f"{one}." for one in HTTP))
    ]
    assert found == []
