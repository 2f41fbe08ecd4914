"""`list`, `count` and `summary` of workflows, tasks and instances: the same filters, the same ways to show."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from jobmon_client.api.client import Api
from jobmon_client.api.search import PAGE
from jobmon_client.cli.filters import TASK, TASK_INSTANCE, WORKFLOW, Conditions, condition, filters, several
from jobmon_client.cli.options import Shared, as_json, print_json, print_json_list, server, verbose
from jobmon_client.cli.session import api_of
from jobmon_client.cli.tables import Row, Troubled, print_table
from jobmon_client.states import TaskInstanceStatus, TaskStatus

TOPIC = "Options of lists"
AILING = frozenset({TaskInstanceStatus.TRIAGING, TaskInstanceStatus.NO_HEARTBEAT})
"""A deadline of theirs has passed already, and their distributor is to find out what became of them."""
READY = frozenset({TaskStatus.REGISTERING, TaskStatus.ADJUSTING_RESOURCES})
"""A task that has used attempts and is one of these waits for another."""
Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """How a kind of thing is shown: heads and fields, and those that `-v` adds."""

    of: str
    usual: Mapping[str, str]
    more: Mapping[str, str]

    def chosen(self, fields: Sequence[str], *, verbose: bool) -> dict[str, str]:
        """Return heads and the fields below them."""
        if fields:
            return {field.upper(): field for field in fields}
        *first, (last, field) = self.usual.items()
        return {**dict(first), **(self.more if verbose else {}), last: field}


COLUMNS = {
    WORKFLOW: Columns(
        WORKFLOW,
        {"ID": "workflow_id", "STATUS": "status", "DONE": "tasks", "CREATED": "created_at", "NAME": "name"},
        {"OWNER": "owner", "FINISHED": "finished_at"},
    ),
    TASK: Columns(
        TASK,
        {
            "ID": "task_id",
            "WORKFLOW": "workflow_id",
            "STATUS": "status",
            "ATTEMPTS": "num_attempts/max_attempts",
            "LAST INSTANCE": "task_instance_id",
            "NAME": "name",
        },
        {"CLUSTER": "cluster", "QUEUE": "queue", "INSTANCE": "task_instance_status", "NODE": "nodename"},
    ),
    TASK_INSTANCE: Columns(
        TASK_INSTANCE,
        {
            "ID": "task_instance_id",
            "TASK": "task_id",
            "ATTEMPT": "attempt",
            "STATUS": "status",
            "CLUSTER": "cluster",
            "NODE": "nodename",
            "NAME": "name",
        },
        {
            "DEADLINE": "report_by",
            "DISTRIBUTOR": "distributor",
            "CLUSTER ID": "distributor_id",
            "REASON": "reason_code",
        },
    ),
}

PLURALS = {WORKFLOW: "workflows", TASK: "tasks", TASK_INSTANCE: "task instances"}
SORT = click.option(
    "--sort",
    cls=Shared,
    topic=TOPIC,
    type=several,
    multiple=True,
    metavar="FIELD,…",
    help="A - before it: descending.",
)
FIELDS = click.option(
    "--fields", cls=Shared, topic=TOPIC, type=several, multiple=True, metavar="FIELD,…", help="Show these."
)
LIMIT = click.option(
    "--limit",
    cls=Shared,
    topic=TOPIC,
    type=click.IntRange(0),
    metavar="N",
    default=100,
    help="Lines at most; 0 for all. 100 if not given.",
)
PAGE_NUMBER = click.option(
    "--page",
    cls=Shared,
    topic=TOPIC,
    type=click.IntRange(1),
    metavar="N",
    default=1,
    help="Which page of that many lines; the first if not given.",
)


def found(api: Api, of: str, *, limit: int, page: int, **asked: Any) -> Iterator[dict[str, Any]]:
    """Yield page after page up to `limit` rows, all there are for 0; from the given page of that size on."""
    left = limit or sys.maxsize
    place: dict[str, Any] = {"offset": (page - 1) * limit} if limit else {}
    while left:
        body = api.page(of, limit=min(PAGE, left), **place, **asked)
        yield body
        left -= len(body[f"{of}s"])
        if body["next"] is None:
            return
        place = {"cursor": body["next"], "total": False}


def overdue(api: Api, of: str, rows: Collection[Line]) -> set[int]:
    """Return the ids of those whose deadline has passed, by the server's clock."""
    key = f"{of}_id"
    ids = [row[key] for row in rows]
    stale = [condition(key, "in", ids), condition("stale", "eq", value=True)]
    return {row[key] for row in api.find(of, search=stale, fields=[key], limit=0)} if ids else set()


def table_rows(of: str, pages: Iterable[Line], fields: Sequence[str]) -> Iterator[Row]:
    """Yield rows of cells."""
    for page in pages:
        yield from ([_cell(row, field) for field in fields] for row in page[f"{of}s"])


def marked_rows(api: Api, of: str, pages: Iterable[Line], fields: Sequence[str]) -> Iterator[Row]:
    """Yield rows of cells with a note; one that is overdue, or of which nobody has heard in time, stands out."""
    for page in pages:
        late = overdue(api, of, page[f"{of}s"])
        for row, cells in zip(page[f"{of}s"], table_rows(of, [page], fields), strict=True):
            note = note_of(of, row, late)
            yield Troubled((*cells, note)) if note else (*cells, "")


def note_of(of: str, row: Line, late: Collection[int]) -> str:
    """Say what is wrong with it, if anything is."""
    if row[f"{of}_id"] in late:
        return "overdue"
    if AILING & {row["status"], row.get("task_instance_status")}:
        return "silent"
    return "failed, tries again" if row["status"] in READY and row.get("num_attempts") else ""


def _cell(row: Line, field: str) -> object:
    """Return what stands under a head; `a/b` is two fields, and counts of tasks are how many are DONE of all."""
    if field == "tasks":
        return f"{row[field].get(TaskStatus.DONE, 0)}/{sum(row[field].values())}"
    return "/".join(shown(row[name]) for name in field.split("/"))


def shown(value: object) -> str:
    """Return a value as a table shows it."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return "-" if value is None else str(value)


def list_command(of: str) -> click.Command:
    """Make `list` of a kind of thing."""
    columns = COLUMNS[of]

    @click.command(name="list", help=f"List {PLURALS[of]}, the newest first unless sorted otherwise.")
    @filters(of)
    @SORT
    @FIELDS
    @LIMIT
    @PAGE_NUMBER
    @verbose
    @server
    @as_json
    def run(
        *,
        conditions: Conditions,
        sort: tuple[list[str], ...],
        fields: tuple[list[str], ...],
        limit: int,
        page: int,
        verbose: bool,
        server_url: str | None,
        as_json: bool,
    ) -> None:
        chosen = [field for given in fields for field in given]
        heads = columns.chosen(chosen, verbose=verbose)
        asked: dict[str, Any] = {"sort": [key for given in sort for key in given] or None}
        asked["fields"] = chosen or None
        with api_of(server_url) as api:
            pages = found(api, of, search=conditions, limit=limit, page=page, **asked)
            if as_json:
                first = next(pages)
                rows = (row for one in (first, *pages) for row in one[f"{of}s"])
                print_json_list(f"{of}s", rows, total=first["total"])
            elif chosen:
                print_table(list(heads), table_rows(of, pages, chosen))
            else:
                print_table([*heads, "NOTE"], marked_rows(api, of, pages, list(heads.values())))

    return run


def count_command(of: str) -> click.Command:
    """Make `count` of a kind of thing."""

    @click.command(name="count", help=f"Count {PLURALS[of]}.")
    @filters(of)
    @server
    @as_json
    def run(*, conditions: Conditions, server_url: str | None, as_json: bool) -> None:
        with api_of(server_url) as api:
            count = api.count(of, search=conditions)
        print_json({"count": count}) if as_json else click.echo(count)

    return run


def summary_command(of: str) -> click.Command:
    """Make `summary` of a kind of thing."""

    @click.command(name="summary", help=f"Count {PLURALS[of]} by one field or several.")
    @click.option(
        "--by",
        type=several,
        multiple=True,
        metavar="FIELD,…",
        default=["status"],
        help="What they are counted by; their status if not given.",
    )
    @filters(of)
    @server
    @as_json
    def run(
        *, by: tuple[list[str], ...], conditions: Conditions, server_url: str | None, as_json: bool
    ) -> None:
        fields = [field for given in by for field in given]
        with api_of(server_url) as api:
            groups = api.summary(of, by=fields, search=conditions)
        if as_json:
            print_json({"groups": groups})
        else:
            heads = [*map(str.upper, fields), "COUNT"]
            print_table(
                heads, ([*(_cell(group, field) for field in fields), group["count"]] for group in groups)
            )

    return run
