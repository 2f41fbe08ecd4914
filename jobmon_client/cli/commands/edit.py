"""What is changed of many: how tasks are to be run, and what users keep with tasks and workflows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click

from jobmon_client.api.client import Api
from jobmon_client.cli.bulk_operation import Body, OperationTerms, carry_out, on_terms
from jobmon_client.cli.filters import TASK
from jobmon_client.cli.options import as_json, server


def change(text: str) -> tuple[str, Any]:
    """Read `name=value`; a value that is JSON is what it spells, any other a text."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is not allowed; give name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def nested(changes: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object in which `a.b` is the member b of a."""
    found: dict[str, Any] = {}
    for name, value in changes:
        *path, last = name.split(".")
        inner = found
        for step in path:
            inner = inner.setdefault(step, {})
            if not isinstance(inner, dict):
                raise click.UsageError(f"--set: {step} cannot be a value and have members")
        inner[last] = value
    return found


REPLACE = click.option(
    "--replace", is_flag=True, help="Leave nothing of objects that were; without it they are merged."
)


@click.command(name="set")
@click.option(
    "--set",
    "changes",
    type=change,
    multiple=True,
    required=True,
    metavar="NAME=VALUE",
    help="A property: command, cluster, queue, max_attempts, priority, fallback_queues, requested_resources.NAME,"
    " resource_scales.NAME. A value may be JSON; null removes it.",
)
@REPLACE
@on_terms(TASK)
@server
@as_json
def set_properties(
    *,
    changes: tuple[tuple[str, Any], ...],
    replace: bool,
    terms: OperationTerms,
    server_url: str | None,
    as_json: bool,
) -> None:
    """Change how tasks are to be run of which nothing is under way; others are refused."""
    properties = nested(changes)

    def call(api: Api, asked: Body) -> Body:
        return api.set_properties(properties, replace=replace or None, **asked)

    carry_out("set", terms, call, server_url=server_url, as_json=as_json)


def attributes_command(of: str) -> click.Command:
    """Make `attributes` of tasks, or of workflows."""

    @click.command(name="attributes", help="Change what is kept with them, whatever their statuses.")
    @click.option(
        "--set",
        "changes",
        type=change,
        multiple=True,
        metavar="NAME=VALUE",
        help="A value may be JSON; null removes it.",
    )
    @click.option("--unset", multiple=True, metavar="NAME", help="Remove this one.")
    @REPLACE
    @on_terms(of)
    @server
    @as_json
    def run(
        *,
        changes: tuple[tuple[str, Any], ...],
        unset: tuple[str, ...],
        replace: bool,
        terms: OperationTerms,
        server_url: str | None,
        as_json: bool,
    ) -> None:
        attributes = {**dict(changes), **dict.fromkeys(unset)}
        if not attributes and not replace:
            raise click.UsageError("give --set NAME=VALUE or --unset NAME")

        def call(api: Api, asked: Body) -> Body:
            act = api.set_task_attributes if of == TASK else api.set_workflow_attributes
            return act(attributes, replace=replace or None, **asked)

        carry_out("attributes", terms, call, server_url=server_url, as_json=as_json)

    return run
