"""The query language over HTTP: selectors, pages, projections, refusals that name what is allowed, streams."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.db.schema.tables_workflow import workflow
from tests.server.listening import listening
from tests.support.path import Path, task


def lists(path: Path, entity: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = path.get(f"/{entity}?{query}")[f"{entity}s"]
    return found


def ids(path: Path, entity: str, query: str = "") -> list[int]:
    return [row[f"{entity}_id"] for row in lists(path, entity, query)]


def problems(reply: Any) -> dict[str, str]:
    """What a refusal names, by field."""
    assert reply.status_code == 422, reply.get_json()
    return {one["field"]: one["problem"] for one in reply.get_json()["error"]["details"]}


def refused(path: Path, target: str) -> dict[str, str]:
    return problems(path.client.get(f"/api/v1{target}"))


@pytest.fixture
def three(path: Path) -> Path:
    """Three tasks of a workflow that runs: one failed and waits, one is running, one waits; another workflow of one."""
    path.bind(task("other", attributes={"k": "v"}), attributes={"study": "b"})
    path.bind(
        task("first", attributes={"k": "v", "n": 1}),
        task("second", attributes={"k": "w"}, cluster="c", queue="q"),
        task("third", "first", array="fit", type="stage"),
        attributes={"study": "a"},
    ).start()
    failed, running = path.queue()
    path.claim([failed, running])
    path.running(failed)
    path.running(running)
    path.error(failed)
    return path


def test_a_page_tells_the_total_and_the_next_and_what_it_was_clamped_to(path: Path) -> None:
    path.bind(*(task(f"t{number}") for number in range(7)))
    page = path.get("/task?limit=3&sort=name")
    assert ([row["name"] for row in page["tasks"]], page["total"], page["limit"]) == (
        ["t0", "t1", "t2"],
        7,
        3,
    )
    page = path.get(f"/task?limit=3&sort=name&cursor={page['next']}")
    assert [row["name"] for row in page["tasks"]] == ["t3", "t4", "t5"]
    page = path.get(f"/task?limit=3&sort=name&cursor={page['next']}&total=false")
    assert ([row["name"] for row in page["tasks"]], page["next"], page["total"]) == (["t6"], None, None)
    assert path.get("/task?limit=99999")["limit"] == 1000
    assert path.get("/task_instance?detail=full")["limit"] == 50
    assert path.get("/task_instance?detail=full&limit=1000")["limit"] == 100
    assert path.get("/task")["limit"] == 50
    nothing = path.get("/task?limit=0")
    assert (nothing["tasks"], nothing["total"], nothing["next"]) == ([], 7, None)


def test_pages_by_number_begin_with_1_and_end_with_an_empty_one(path: Path) -> None:
    path.bind(*(task(f"t{number}") for number in range(5)))
    pages = [path.get(f"/task?limit=2&sort=name&page={number}") for number in (1, 2, 3, 4)]
    assert [[row["name"] for row in page["tasks"]] for page in pages] == [
        ["t0", "t1"],
        ["t2", "t3"],
        ["t4"],
        [],
    ]
    assert [page["total"] for page in pages] == [5, 5, 5, 5]
    assert [row["name"] for row in lists(path, "task", "offset=3&limit=9&sort=name")] == ["t3", "t4"]
    for query in ("page=0", "page=-1", "offset=-1", "limit=-1", "page=x", "limit=1.5"):
        assert refused(path, f"/task?{query}").keys() == {query.partition("=")[0]}
    assert refused(path, "/task?page=1&offset=2") == {"page": "give one of page, offset and cursor"}


def test_the_link_header_leads_to_the_next_page(path: Path, client: FlaskClient) -> None:
    path.bind(*(task(f"t {number}") for number in range(3)))
    first = client.get("/api/v1/task?limit=2&sort=name&name=t*&page=1")
    link, rel = first.headers["Link"].split("; ")
    assert rel == 'rel="next"'
    second = client.get(link.strip("<>"))
    assert [row["name"] for row in second.get_json()["tasks"]] == ["t 2"]
    assert "Link" not in second.headers
    assert first.get_json()["next"] in link


def test_rows_of_one_time_are_neither_repeated_nor_skipped(path: Path, database: Database) -> None:
    path.bind(*(task(f"t{number}") for number in range(9)))
    assert len({row["created_at"] for row in lists(path, "task")}) == 1
    for sort in ("created_at", "-created_at", "status,-created_at"):
        page = path.get(f"/task?limit=2&sort={sort}")
        found = [row["task_id"] for row in page["tasks"]]
        while page["next"]:
            page = path.get(f"/task?limit=2&sort={sort}&cursor={page['next']}")
            found += [row["task_id"] for row in page["tasks"]]
        assert found == sorted(path.task_ids.values(), reverse=sort.endswith("-created_at"))


def test_the_last_of_something_is_one_row_or_none(path: Path) -> None:
    assert lists(path, "workflow", "sort=-created_at&limit=1") == []
    path.bind()
    path.bind()
    assert ids(path, "workflow", "sort=-created_at&limit=1") == [path.workflow_id]
    assert ids(path, "workflow") == [path.workflow_id, path.workflow_id - 1]


def test_every_selector_of_tasks_with_none_one_and_two_hits(three: Path) -> None:
    first, second, third = three.task_ids.values()
    other = first - 1
    for query, found in {
        "task_id=99": [],
        f"task_id={first}": [first],
        f"task_id={first},{third},99": [third, first],
        "workflow_id=99": [],
        "workflow_id=1": [other],
        "workflow_id=1,2": [third, second, first, other],
        "status=DONE": [],
        "status=RUNNING": [second],
        "status=RUNNING,DONE&workflow_id=2": [second],
        "name=fir": [],
        "name=first": [first],
        "name=*ir*": [third, first],
        "type=stage": [third],
        "type=command&workflow_id=2": [second, first],
        "array=fit": [third],
        "array=none": [],
        "cluster=c": [second],
        "cluster=c&cluster=local&workflow_id=2": [third, second, first],
        "queue=q": [second],
        "attr.k=v": [first, other],
        "attr.k=v&attr.n=1": [first],
        "attr.k=v&attr.k=w": [],
        "attr.missing=v": [],
        "held=true": [second],
        "held=false&workflow_id=2": [third, first],
        "stale=true": [],
        "created_after=2000&created_before=2001": [],
        "created_after=2000&created_before=9000&workflow_id=2&status=REGISTERING": [third, first],
        "client_id=nobody": [],
    }.items():
        assert ids(three, "task", query) == found, query
        assert three.get(f"/task/count?{query}") == {"count": len(found)}


def test_every_selector_of_instances_with_none_one_and_two_hits(three: Path, database: Database) -> None:
    first, second, _ = three.task_ids.values()
    failed, running = ids(three, "task_instance", "sort=task_instance_id")
    database.transact(
        lambda connection: connection.execute(
            update(task_instance).values(distributor_id="12_3").where(task_instance.c.id == failed)
        )
    )
    for query, found in {
        "task_instance_id=": [],
        f"task_instance_id={failed}": [failed],
        f"task_instance_id={failed},{running}": [running, failed],
        f"attempts={first}:1": [failed],
        f"attempts={first}:2,{second}:last": [running],
        f"attempts={first}:last,{second}:1": [running, failed],
        "attempts=": [],
        "attempt=last": [running, failed],
        "attempt=2": [],
        "distributor_id=12": [failed],
        "distributor_id=12_3": [failed],
        "distributor_id=1": [],
        "worker_id=worker-1": [running, failed],
        "nodename=no*": [running, failed],
        "status=ERROR": [failed],
        "task_status=RUNNING": [running],
        "held=true": [running],
        "stale=true": [],
        "distributor=d&cluster=c": [running],
        "queued_after=2000": [running, failed],
        "finished_before=2000": [],
    }.items():
        assert ids(three, "task_instance", query) == found, query
        assert three.get(f"/task_instance/count?{query}") == {"count": len(found)}


def test_every_selector_of_workflows_with_none_one_and_two_hits(three: Path) -> None:
    first = three.task_ids["first"]
    for query, found in {
        "workflow_id=": [],
        "workflow_id=1": [1],
        "workflow_id=1,2,3": [2, 1],
        "status=RUNNING": [2],
        "status=DONE": [],
        "status=REGISTERED,RUNNING": [2, 1],
        "name=a workflow": [2, 1],
        "name=a w?rk*": [2, 1],
        "member_task_id=99": [],
        f"member_task_id={first}": [2],
        f"member_task_id={first},{first - 1}": [2, 1],
        "member_task_instance_id=1": [2],
        "attr.study=a": [2],
        "held=true": [2],
        "held=false": [1],
        "stale=true": [],
        "expired=true": [],
        "owner=me": [],
        "finished_after=2000": [],
    }.items():
        assert ids(three, "workflow", query) == found, query
        assert three.get(f"/workflow/count?{query}") == {"count": len(found)}


def test_an_empty_list_selects_nothing_in_every_way_to_write_it(three: Path) -> None:
    for entity in ("workflow", "task", "task_instance"):
        for name in (f"{entity}_id", "status", "name"):
            assert three.post(f"/{entity}/count", filter={name: []}).get_json() == {"count": 0}
            search = [{"field": name, "operator": "in", "value": []}]
            assert three.post(f"/{entity}/search", search=search).get_json()[f"{entity}s"] == []
        assert three.get(f"/{entity}/count?status=") == {"count": 0}
        assert three.post(f"/{entity}/count").get_json()["count"] > 0


@pytest.mark.parametrize(
    ("document", "field", "named"),
    [
        ({"filter": {}, "search": []}, "search", "not both"),
        ({"filter": {"nme": "x"}}, "filter.nme", "name"),
        ({"filter": {"status": "DOING"}}, "filter.status", "ERROR_FATAL"),
        ({"filter": {"status": ["DONE", "DOING"]}}, "filter.status.1", "ERROR_FATAL"),
        ({"filter": {"held": "yes"}}, "filter.held", "true or false"),
        ({"filter": {"held": [True]}}, "filter.held", "one value"),
        ({"filter": {"task_id": "x"}}, "filter.task_id", "integer"),
        ({"filter": {"created_after": "2026-11-26T10:00:00"}}, "filter.created_after", "Z or an offset"),
        ({"filter": {"created_after": "yesterday"}}, "filter.created_after", "2026-11"),
        ({"filter": {"attributes": []}}, "filter.attributes", "object"),
        ({"search": [{"field": "nme", "operator": "eq", "value": 1}]}, "search.0.field", "attributes.NAME"),
        ({"search": [{"field": "name", "operator": "is", "value": "x"}]}, "search.0.operator", "not_like"),
        ({"search": [{"field": "status", "operator": "gt", "value": "DONE"}]}, "search.0.operator", "not_in"),
        ({"search": [{"field": "name", "operator": "in", "value": "x"}]}, "search.0.value", "list"),
        ({"search": [{"field": "name", "operator": "eq"}]}, "search.0", "field, operator and value"),
        (
            {"search": [{"field": "attributes.\ud800", "operator": "eq", "value": 1}]},
            "search.0.field",
            "name",
        ),
        (
            {"search": [{"field": "created_at", "operator": "in", "value": ["2026", "2026-11"]}]},
            "search.0.value",
            "month, year",
        ),
        ({"fields": ["name", "nme"]}, "fields", "task_id"),
        ({"fields": []}, "fields", "list"),
        ({"sort": ["nme"]}, "sort", "task_id"),
        ({"sort": ["name", "-name"]}, "sort", "more than once"),
        ({"fields": ["name"], "detail": "full"}, "fields", "either"),
        ({"distinct": True}, "fields", "required"),
        ({"distinct": True, "fields": ["attributes"]}, "fields", "distinct"),
        ({"distinct": True, "fields": ["name"], "sort": ["status"]}, "sort", "status"),
        ({"cursor": "e30"}, "cursor", "no cursor"),
        ({"cursor": "\ud800é"}, "cursor", "no cursor"),
        ({"cursor": "W10"}, "cursor", "no cursor"),
        ({"cursor": "W1sibmFtZSJdLFsiYSJdXQ"}, "cursor", "another order"),
        ({"limit": -1}, "limit", "0"),
        ({"unheard": 1}, "unheard", "filter"),
    ],
)
def test_what_cannot_be_is_refused_and_what_is_allowed_is_named(
    path: Path, document: dict[str, Any], field: str, named: str
) -> None:
    found = problems(path.post("/task/search", **document))
    assert found.keys() == {field}
    assert named in found[field]


@pytest.mark.parametrize(
    "query",
    ["nme=x", "status=DOING", "task_id=x", "attr.=x", "sort=nme", "fields=nme", "held=1", "limit=1&limit=2"],
)
def test_a_query_string_is_refused_by_the_same_rules(path: Path, query: str) -> None:
    assert refused(path, f"/task?{query}")


def test_a_projection_gives_what_was_asked_for_and_nothing_else(three: Path) -> None:
    assert lists(three, "task", "fields=name,status&sort=name&workflow_id=2&limit=1") == [
        {"name": "first", "status": "REGISTERING"}
    ]
    assert lists(three, "workflow", "fields=tasks&workflow_id=1") == [{"tasks": {"REGISTERING": 1}}]
    (row,) = lists(three, "task_instance", "detail=full&status=ERROR")
    shown = three.get(f"/task_instance/{row['task_instance_id']}")
    assert {name: row[name] for name in row.keys() & shown.keys()} == {
        name: shown[name] for name in row.keys() & shown.keys()
    }
    # Kept in tables of their own: they are told of one instance, not of a page of them.
    beside = {"error_state", "error_description", "error_message", "attributes"}
    assert shown.keys() - row.keys() == beside


def test_distinct_rows_and_their_number(three: Path) -> None:
    page = three.get("/task?distinct=true&fields=cluster&sort=-cluster&limit=1")
    assert (page["tasks"], page["total"]) == ([{"cluster": "local"}], 2)
    page = three.get(f"/task?distinct=true&fields=cluster&sort=-cluster&limit=1&cursor={page['next']}")
    assert (page["tasks"], page["next"]) == ([{"cluster": "c"}], None)


def test_counts_by_combination_leave_out_what_nothing_has(three: Path) -> None:
    summary = three.get("/task/summary?by=status,cluster&workflow_id=2")
    assert summary["groups"] == [
        {"status": "REGISTERING", "cluster": "local", "count": 2},
        {"status": "RUNNING", "cluster": "c", "count": 1},
    ]
    assert summary["total"] == three.get("/task/count?workflow_id=2")["count"]
    assert "status" in refused(three, "/task/summary?by=command")["by"]
    assert refused(three, "/task/summary").keys() == {"by"}
    by_tenant = three.post("/workflow/summary", by=["tenant"], filter={"status": "RUNNING"}).get_json()
    assert by_tenant["groups"] == [{"tenant": None, "count": 1}]


def test_workflows_with_their_tasks_cost_three_statements_for_a_hundred(
    path: Path, database: Database
) -> None:
    for _ in range(100):
        path.bind(task("a"), task("b", "a"))
    with listening(database.engine) as said:
        page = path.get("/workflow?detail=full&limit=100")
    assert len(page["workflows"]) == 100
    assert said.verbs == ["SELECT"] * 2
    assert {len(row["task_list"]) for row in page["workflows"]} == {2}
    assert {tuple(row["tasks"].items()) for row in page["workflows"]} == {(("REGISTERING", 2),)}
    with listening(database.engine) as said:
        path.get("/workflow?detail=full&limit=99")
        path.get("/workflow?limit=50")
    assert said.verbs == ["SELECT"] * (3 + 3)


def test_a_stream_has_every_row_in_order_a_line_each(
    three: Path, client: FlaskClient, database: Database
) -> None:
    three.bind(*(task(f"n{number:04}") for number in range(2100)))
    with listening(database.engine) as said:
        reply = client.get(
            f"/api/v1/task/stream?sort=name&fields=name,status&workflow_id={three.workflow_id}"
        )
        rows = [json.loads(line) for line in reply.text.splitlines()]
    assert (reply.mimetype, said.verbs) == ("application/x-ndjson", ["SELECT"] * 3)
    assert rows == [{"name": f"n{number:04}", "status": "REGISTERING"} for number in range(2100)]
    assert client.get("/api/v1/task/stream?name=nothing").text == ""
    assert len(client.get("/api/v1/workflow/stream?detail=full").text.splitlines()) == 3
    assert problems(client.get("/api/v1/task/stream?limit=1")).keys() == {"limit"}


def test_a_stream_that_nobody_reads_asks_no_more(path: Path, client: FlaskClient, database: Database) -> None:
    path.bind(*(task(str(number)) for number in range(3000)))
    with listening(database.engine) as said:
        reply = client.get("/api/v1/task/stream", buffered=False)
        next(reply.iter_encoded())
        reply.close()
    assert len(said.verbs) == 1


def test_what_is_being_deleted_is_in_no_list(three: Path, database: Database) -> None:
    gone = update(workflow).where(workflow.c.id == 2).values(deleted_at=workflow.c.created_at)
    database.transact(lambda connection: connection.execute(gone))
    assert [ids(three, entity) for entity in ("workflow", "task", "task_instance")] == [[1], [1], []]
    assert [three.get(f"/{entity}/count")["count"] for entity in ("workflow", "task", "task_instance")] == [
        1,
        1,
        0,
    ]


def test_the_published_table_says_of_each_status_to_which_group_it_belongs(path: Path) -> None:
    document = path.get("/fsm")
    for machine in ("task_instance", "task", "workflow", "workflow_run"):
        groups = {one["name"]: one["group"] for one in document[machine]["statuses"]}
        assert set(groups.values()) <= {"waiting", "running", "completed", "error"}
        assert {groups[name] for name in document[machine]["terminal"]} == {"completed", "error"}
        assert groups["RUNNING"] == "running"
