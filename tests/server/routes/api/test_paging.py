"""Every list of rows in the order of their ids is paged as the lists of the query language are."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables_records import error_log
from tests.support.path import Path, task

KEYS = {
    "tasks": "task_id",
    "leaves": "task_id",
    "arrays": "array_id",
    "errors": "error_id",
    "submissions": "submission_id",
    "commands": "command_id",
    "callbacks": "callback_id",
}
LISTS = [*KEYS, "task_instance_error_log"]


@pytest.fixture
def addresses(path: Path) -> dict[str, str]:
    """Where each list is found; each has three rows."""
    names = ("a", "b", "c")
    path.bind(
        *(task(name, array=f"array {name}", max_attempts=1) for name in names),
        callback_url="http://127.0.0.1:9/",
    ).start()
    running = [path.run_one() for _ in names]
    for number, one in enumerate(running):
        facts = {"submission_uuid": f"s{number}", "cluster": "local", "distributor": "d"}
        assert path.post("/submission", **facts, task_instance_ids=[one]).status_code == 201
        path.post(f"/task_instance/{running[0]}/commands", command="kill")
    for one in running:
        path.error(one)
    for status in ("DONE", "ERROR_FATAL") * 2:
        path.post(f"/task/{path.task_ids['a']}/force_status", status=status, reason="why")
    for _ in range(2):
        path.act("rerun")
        path.act("stop")
    workflow = f"/workflow/{path.workflow_id}"
    return {
        **{name: f"{workflow}/{name}" for name in ("tasks", "leaves", "arrays", "errors", "callbacks")},
        "submissions": "/submission?cluster=local",
        "commands": f"/task_instance/{running[0]}/commands",
        "task_instance_error_log": f"/task_instance/{running[0]}/task_instance_error_log",
    }


def ask(client: FlaskClient, address: str, code: int = 200, **query: Any) -> Any:
    reply = client.get(f"/api/v1{address}{'&' if '?' in address else '?'}{urlencode(query)}")
    assert reply.status_code == code, reply.get_json()
    return reply


def rows_of(body: dict[str, Any], name: str) -> list[Any]:
    found: list[Any] = body["tasks" if name == "leaves" else name]
    return found


def test_all_lists_are_paged_by_one_convention(client: FlaskClient, addresses: dict[str, str]) -> None:
    for name in LISTS:
        address = addresses[name]
        whole = ask(client, address).get_json()
        every = rows_of(whole, name)
        assert len(every) >= 3, name
        assert (whole["next"], whole["total"], whole["limit"]) == (None, len(every), 100), name
        first = ask(client, address, limit=2, page=1)
        body = first.get_json()
        assert (rows_of(body, name), body["total"], body["limit"]) == (every[:2], len(every), 2), name
        assert type(body["next"]) is str
        link, rel = first.headers["Link"].split("; ")
        assert rel == 'rel="next"'
        found = rows_of(body, name)
        while link:
            reply = client.get(link.strip("<>"))
            found += rows_of(reply.get_json(), name)
            assert reply.get_json()["total"] == len(every)
            link = reply.headers.get("Link", "").split("; ")[0]
        assert found == every, name


def test_a_page_is_chosen_by_cursor_number_or_offset(client: FlaskClient, addresses: dict[str, str]) -> None:
    for name in LISTS:
        every = rows_of(ask(client, addresses[name]).get_json(), name)
        begin = ask(client, addresses[name], limit=1).get_json()["next"]
        for place in ({"cursor": begin}, {"page": 2}, {"offset": 1}, {"after": begin}):
            reply = ask(client, addresses[name], limit=1, total="false", **place)
            assert ("Deprecation" in reply.headers) == ("after" in place), (name, place)
            body = reply.get_json()
            assert (rows_of(body, name), body["total"]) == (every[1:2], None), (name, place)
        beyond = ask(client, addresses[name], offset=len(every) + 1).get_json()
        assert (rows_of(beyond, name), beyond["total"], beyond["next"]) == ([], len(every), None)
        nothing = ask(client, addresses[name], limit=0).get_json()
        assert (rows_of(nothing, name), nothing["total"], nothing["next"]) == ([], len(every), None)
        assert ask(client, addresses[name], limit=10**9).get_json()["limit"] == 1_000


def test_a_cursor_is_the_id_of_the_last_row_as_0_1_had_it(
    client: FlaskClient, addresses: dict[str, str]
) -> None:
    for name, key in KEYS.items():
        body = ask(client, addresses[name], limit=2).get_json()
        assert body["next"] == str(rows_of(body, name)[-1][key])


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"cursor": "WyJ4Il0"}, "cursor"),
    ({"cursor": "-1"}, "cursor"),
    ({"cursor": str(2**63)}, "cursor"),
    ({"page": 0}, "page"),
    ({"offset": -1}, "offset"),
    ({"limit": "x"}, "limit"),
    ({"total": "yes"}, "total"),
    ({"page": 1, "cursor": 1}, "page"),
    ({"after": 1, "offset": 1}, "page"),
]


def test_what_is_no_page_is_refused_by_name(client: FlaskClient, addresses: dict[str, str]) -> None:
    for name in LISTS:
        for query, field in WRONG:
            body = ask(client, addresses[name], code=422, **query).get_json()
            assert [one["field"] for one in body["error"]["details"]] == [field], (name, query)


def test_errors_of_an_attempt_are_in_the_order_of_their_times_then_of_their_ids(
    path: Path, client: FlaskClient, addresses: dict[str, str], database: Database
) -> None:
    address = addresses["task_instance_error_log"]
    entries = ask(client, address).get_json()["task_instance_error_log"]
    told = [(one["source"], one["description"]) for one in entries]
    assert told == [("worker", "it broke"), ("operator", "why"), ("operator", "why")]
    ids = select(error_log.c.id).order_by(error_log.c.id.desc()).limit(2)
    values = {"error_time": datetime(2026, 1, 2), "description": "of one time"}  # noqa: DTZ001 - as the database has it
    later, earlier = database.read(lambda connection: list(connection.execute(ids).scalars()))
    changes = [
        update(error_log).where(error_log.c.id == earlier).values(values),
        update(error_log).where(error_log.c.id == later).values({**values, "description": "the later of it"}),
    ]
    database.transact(lambda connection: [connection.execute(one) for one in changes])
    found, cursor = [], None
    for _ in entries:
        body = ask(client, address, limit=1, **({"cursor": cursor} if cursor else {})).get_json()
        found += [one["description"] for one in body["task_instance_error_log"]]
        cursor = body["next"]
    assert (found, cursor) == (["of one time", "the later of it", "it broke"], None)
    ask(client, "/task_instance/999999/task_instance_error_log", code=404)
