"""What a search may cost: in time, in values, in company; whoever asks too much is told which field it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text, update
from sqlalchemy.engine import Connection

from jobmon_server.app import create_app
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.errors import Busy
from jobmon_server.settings.query_limits import QueryLimits
from tests.support.path import Path, task

#: Names on which a backtracking search takes longest: cubic in their length.
LONG_NAMES = 2_000
COSTLY = "^.*.*.*[xy]"


def refusal(reply: Any) -> tuple[int, str, list[str]]:
    error = reply.get_json()["error"]
    return reply.status_code, error["code"], [one.get("field", "") for one in error["details"]]


def search(client: FlaskClient, *conditions: dict[str, Any], entity: str = "task") -> Any:
    return client.post(f"/api/v1/{entity}/count", json={"search": list(conditions)})


@pytest.fixture
def impatient(database_url: str) -> Iterator[Database]:
    """A database in which comparing patterns may take no time, and all else little."""
    found = Database.connect(database_url, limits=QueryLimits(5.0, 0.001))
    yield found
    found.dispose()


def test_a_pattern_that_takes_too_long_is_refused_by_its_field(impatient: Database) -> None:
    client = create_app(impatient).test_client()
    Path(client).bind(*(task("a" * 245 + f"{number:05}") for number in range(LONG_NAMES)))
    costly = {"field": "name", "operator": "regex", "value": COSTLY}
    assert refusal(search(client, costly)) == (422, "too_expensive", ["name"])
    act = client.post("/api/v1/task/stop", json={"search": [costly]})
    assert refusal(act) == (422, "too_expensive", ["name"])
    # The connection is as good as before.
    assert (
        search(client, {"field": "workflow_id", "operator": "eq", "value": 1}).get_json()["count"]
        == LONG_NAMES
    )


def test_any_other_query_that_takes_too_long_is_busy(impatient: Database) -> None:
    endless = "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n) AS x"
    statement = text(endless if impatient.has_one_writer else "SELECT SLEEP(60)")
    with pytest.raises(Busy):
        impatient.read(lambda connection: connection.execute(statement).all())
    assert impatient.read(lambda connection: connection.execute(text("SELECT 1")).scalar()) == 1
    # The server did not serve, which says nothing of whether the database takes writes.
    assert impatient.trouble is None


def test_few_search_at_once_and_what_an_id_leads_to_is_no_search(
    database: Database, client: FlaskClient
) -> None:
    path = Path(client)
    path.bind(task("a")).start()
    (one,) = path.queue()
    slots = database.engine.get_execution_options()["search_slots"]
    with ExitStack() as held:
        for _ in range(QueryLimits().searches):
            held.enter_context(slots.taken())
        refused = client.get("/api/v1/task?name=*a*")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert client.get(f"/api/v1/task?workflow_id={path.workflow_id}").status_code == 200
        path.claim([one])
        path.running(one)
    assert client.get("/api/v1/task?name=*a*").status_code == 200


def test_a_quarter_of_the_threads_search() -> None:
    assert [Settings(threads=threads).limits.searches for threads in (1, 4, 16, 100)] == [1, 1, 4, 25]


def test_all_conditions_together_have_so_many_values_and_no_more(database: Database) -> None:
    client = create_app(database, Settings(auth="none", query_values=10)).test_client()
    ids = {"field": "task_id", "operator": "in", "value": list(range(1, 10))}
    one = {"field": "priority", "operator": "eq", "value": 1}
    assert search(client, ids, one).status_code == 200
    assert refusal(search(client, ids, one, one)) == (422, "too_expensive", ["search"])
    assert client.get("/api/v1/task?task_id=" + ",".join("1" * 11)).status_code == 422


def test_texts_are_not_longer_together_than_a_statement_may_be(client: FlaskClient) -> None:
    many = {"field": "name", "operator": "in", "value": ["é" * 1_000] * 1_001}
    assert refusal(search(client, many)) == (422, "too_expensive", ["search"])


@pytest.mark.parametrize(
    ("pattern", "status"), [("*a" * 8, 200), ("?*[ab]" * 2 + "**", 200), ("*a" * 9, 422), ("?" * 9, 422)]
)
def test_a_pattern_has_at_most_eight_wildcards(client: FlaskClient, pattern: str, status: int) -> None:
    assert search(client, {"field": "name", "operator": "like", "value": pattern}).status_code == status


def test_text_that_is_longer_than_a_name_matches_no_pattern(database: Database, client: FlaskClient) -> None:
    path = Path(client)
    path.bind(task("a"), task("b")).start()
    short, long = path.queue()
    for one, node in ((short, "n" * 255), (long, "n" * 256)):
        named = update(task_instance).where(task_instance.c.id == one).values(nodename=node)
        database.transact(Connection.execute, named)
    for pattern in ("n*", "[n]*"):
        assert search(
            client, {"field": "nodename", "operator": "like", "value": pattern}, entity="task_instance"
        ).json == {"count": 1}


def test_ids_of_a_cluster_may_be_many(client: FlaskClient) -> None:
    query = [("distributor_id", str(number)) for number in range(1_500)]
    assert client.get("/api/v1/task_instance", query_string=query).status_code in {200, 422}
    body = {"filter": {"distributor_id": [str(number) for number in range(9_000)]}}
    assert client.post("/api/v1/task_instance/count", json=body).status_code in {200, 422}
