"""Every filter, operator, order, page, count and summary is what the plain reading of it gives, on both databases."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from jobmon_server.db.core.transaction import Database
from jobmon_server.db.search import Entity
from tests.server.db.search import oracle, records
from tests.server.db.search.oracle import VOCABULARIES, meets, ordered, sift

pytestmark = pytest.mark.property

#: Nothing is shrunk: a failure tells what was asked, and minutes of shrinking would not make that shorter.
CALM = settings(
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=60,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
NUMBERS = st.integers(-3, 45)
TEXTS = st.sampled_from([*records.NAMES, *records.WORDS, "", "b", "command"])
PATTERNS = st.sampled_from(
    [
        "a",
        "*",
        "a*",
        "?",
        "*b",
        "a?b",
        "[aA]*",
        "[!a]*",
        "[[]a]",
        "a%*",
        "a_*",
        "*%",
        "[a-c]*",
        "",
        "é*",
        "a[*]",
        "[a",
        "*\n*",
    ]
)
REGEXES = st.sampled_from(
    [
        "a",
        "^a",
        "b$",
        "^[a-c]+$",
        "^(a|é)",
        "a.b",
        r"\d+",
        r"^\w+$",
        "^a?b",
        "[^a]",
        r"\*",
        "^.$",
        "a{2}",
        r"\s",
    ]
)
TIMES = st.sampled_from(
    [
        *("2024", "2024-02", "2024-02-29", "2024-12", "2025", "2025-01", "2025-01-01", "2023"),
        *("2024-02-28T23:59Z", "2024-02-29T12:30Z", "2024-02-29T12:30:15Z", "2024-02-28T23:59:59.999999Z"),
        *("2025-01-01T00:00Z", "2025-01-01T00:00:00Z", "2025-06-15T08:00:00.000001Z", "2024-12-31"),
    ]
)
SAME = ["eq", "neq", "in", "not_in"]
ORDER = ["gt", "lt", "ge", "le"]
FIELDS: dict[str, dict[str, list[str]]] = {
    "workflow": {
        "number": ["workflow_id", "workflow_run_id", "max_concurrently_running"],
        "text": ["name", "owner", "tenant"],
        "status": ["status", "workflow_run_status"],
        "time": ["created_at", "finished_at", "expired_at", "updated_at"],
        "flag": ["paused"],
    },
    "task": {
        "number": ["task_id", "workflow_id", "priority", "num_attempts", "task_instance_id"],
        "text": ["name", "type", "array", "cluster", "queue", "owner"],
        "status": ["status", "task_instance_status"],
        "time": ["created_at", "updated_at", "retried_at", "started_at"],
        "flag": [],
    },
    "task_instance": {
        "number": ["task_instance_id", "task_id", "workflow_id", "attempt", "array_step_id"],
        "text": ["name", "type", "array", "cluster", "queue", "owner", "distributor_id", "reason_code"],
        "status": ["status", "task_status", "accounting"],
        "time": ["queued_at", "started_at", "finished_at", "report_by", "status_at"],
        "flag": ["orphan"],
    },
}
NULLABLE = {
    *(
        "workflow_run_id",
        "owner",
        "tenant",
        "workflow_run_status",
        "finished_at",
        "expired_at",
        "task_instance_id",
    ),
    *(
        "task_instance_status",
        "retried_at",
        "started_at",
        "distributor_id",
        "reason_code",
        "report_by",
        "nodename",
    ),
}
SHOWN = {"workflow": "paused", "task": "nodename", "task_instance": "nodename"}


def words(entity: str, field: str) -> st.SearchStrategy[str]:
    return st.sampled_from([str(word) for word in VOCABULARIES[entity][field]])


def many(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, max_size=4)


def conditions(entity: str) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions of a search document, with every operator that each kind of field has."""
    kinds = FIELDS[entity]
    every = [
        *(_conditions(field, NUMBERS, [*SAME, *ORDER]) for field in kinds["number"]),
        *(_conditions(field, TEXTS, [*SAME, *ORDER]) for field in kinds["text"]),
        *(_conditions(field, words(entity, field), SAME) for field in kinds["status"]),
        *(_conditions(field, TIMES, ["eq", "neq", *ORDER]) for field in kinds["time"]),
        *(_conditions(field, st.booleans(), ["eq", "neq"]) for field in kinds["flag"]),
        *(_one(field, st.sampled_from(["like", "not_like"]), PATTERNS) for field in kinds["text"]),
        *(_one(field, st.just("regex"), REGEXES) for field in kinds["text"]),
        _one(
            "created_at" if entity != "task_instance" else "queued_at",
            st.sampled_from(["in", "not_in"]),
            _days(),
        ),
    ]
    if entity != "task_instance":
        every += [_conditions(f"attributes.{name}", st.sampled_from(records.VALUES), SAME) for name in "kKl"]
    else:
        every.append(_conditions("nodename", TEXTS, SAME))
        every.append(_one("nodename", st.sampled_from(["like", "not_like"]), PATTERNS))
    return st.one_of(every)


def _days() -> st.SearchStrategy[list[str]]:
    return many(st.sampled_from(["2024-02-29", "2024-03-01", "2025-01-01", "2024-12-31"]))


def _one(
    field: str, operator: st.SearchStrategy[str], value: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"field": st.just(field), "operator": operator, "value": value})


def _conditions(field: str, value: st.SearchStrategy[Any], operators: list[str]) -> st.SearchStrategy[Any]:
    lists = [one for one in operators if one in {"in", "not_in"}]
    plain = [one for one in operators if one not in lists]
    ways = [_one(field, st.sampled_from(plain), value)]
    ways += [_one(field, st.sampled_from(lists), many(value))] if lists else []
    if field in NULLABLE:
        ways.append(_one(field, st.sampled_from(["eq", "neq"]), st.none()))
    return st.one_of(ways)


def filters(entity: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of simple filters."""
    kinds = FIELDS[entity]
    own = {
        **{field: NUMBERS | many(NUMBERS) for field in kinds["number"]},
        **{field: TEXTS | many(TEXTS) for field in kinds["text"] if field not in {"name", "distributor_id"}},
        **{field: words(entity, field) | many(words(entity, field)) for field in kinds["status"]},
        **{
            f"{field[:-3]}_{end}": TIMES
            for field in kinds["time"]
            if field[-3:] == "_at"
            for end in ("after", "before")
        },
        **dict.fromkeys(("held", "stale"), st.booleans()),
        "name": PATTERNS,
    }
    if entity == "workflow":
        own["expired"] = st.booleans()
    if entity == "task_instance":
        ids = st.sampled_from([one for one in records.CLUSTER_IDS if one])
        pair = st.builds(
            lambda of, which: f"{of}:{which}", st.integers(1, 40), st.sampled_from([1, 2, 3, "last"])
        )
        own |= {"attempts": many(pair), "distributor_id": ids | many(ids), "nodename": PATTERNS}
        own["attempt"] = st.integers(1, 3) | st.just("last")
    return st.lists(st.sampled_from(sorted(own)), min_size=1, max_size=2, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: own[name] for name in names})
    )


def orders(entity: str) -> st.SearchStrategy[list[str]]:
    names = [name for kind in FIELDS[entity].values() for name in kind]
    keys = st.builds(lambda name, sign: f"{sign}{name}", st.sampled_from(names), st.sampled_from(["", "-"]))
    return st.lists(keys, max_size=3, unique_by=lambda key: key.removeprefix("-"))


class Asking:
    """One entity, asked over HTTP."""

    def __init__(self, client: FlaskClient, entity: str, rows: list[dict[str, Any]]) -> None:
        self.client, self.entity, self.rows = client, entity, rows
        self.own_id = f"{entity}_id"

    def post(self, verb: str, **document: Any) -> Any:
        reply = self.client.post(f"/api/v1/{self.entity}/{verb}", json=document)
        assert reply.status_code == 200, (document, reply.get_json())
        return reply.get_json()

    def ids(self, page: Any) -> list[int]:
        return [row[self.own_id] for row in page[f"{self.entity}s"]]

    def walk(self, limit: int, **document: Any) -> list[int]:
        """All pages, by their cursors."""
        found: list[int] = []
        more: dict[str, Any] = {}
        while True:
            page = self.post("search", limit=limit, total=False, **document, **more)
            found += self.ids(page)
            if page["next"] is None:
                return found
            more = {"cursor": page["next"]}

    def check(self, document: dict[str, Any], expected: list[dict[str, Any]], data: st.DataObject) -> None:
        """Hold list, count, pages and cursors against what is expected, in any order."""
        sort, limit = data.draw(orders(self.entity)), data.draw(st.integers(1, 12))
        wanted = [row[self.own_id] for row in ordered(self.entity, expected, sort)]
        assert self.post("count", **document)["count"] == len(wanted), document
        assert self.walk(limit, **document, sort=sort) == wanted, (document, sort)
        number = data.draw(st.integers(1, 4))
        page = self.post("search", **document, sort=sort, limit=limit, page=number)
        assert (self.ids(page), page["total"]) == (wanted[(number - 1) * limit :][:limit], len(wanted))
        self.check_groups(document, expected, data)

    def check_groups(
        self, document: dict[str, Any], expected: list[dict[str, Any]], data: st.DataObject
    ) -> None:
        kinds = FIELDS[self.entity]
        names = [*kinds["text"], *kinds["status"], *kinds["flag"], SHOWN[self.entity]]
        by = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
        wanted = Counter(tuple(row[name] for name in by) for row in expected)
        summary = self.post("summary", **document, by=by)
        found = {tuple(one[name] for name in by): one["count"] for one in summary["groups"]}
        assert found == dict(wanted), (document, by)
        assert summary["total"] == len(expected)
        rows = self.post("search", **document, fields=by, distinct=True, limit=1000)
        assert len(rows[f"{self.entity}s"]) == rows["total"] == len(wanted)
        assert {tuple(one[name] for name in by) for one in rows[f"{self.entity}s"]} == set(wanted)


@pytest.fixture(params=[entity.value for entity in Entity])
def asking(request: pytest.FixtureRequest, client: FlaskClient, database: Database) -> Asking:
    """Some rows of everything."""
    database.transact(lambda connection: records.Maker(connection, seed=7).fill())
    return Asking(client, request.param, database.read(records.read)[request.param])


@pytest.mark.timeout(120)
def test_every_condition_is_what_its_plain_reading_gives(asking: Asking) -> None:
    @CALM
    @given(st.lists(conditions(asking.entity), min_size=1, max_size=3), st.data())
    def hold(search: list[dict[str, Any]], data: st.DataObject) -> None:
        expected = [row for row in asking.rows if all(meets(row, one) for one in search)]
        asking.check({"search": search}, expected, data)

    hold()


@pytest.mark.timeout(120)
def test_every_simple_filter_is_what_its_plain_reading_gives(asking: Asking) -> None:
    @CALM
    @given(filters(asking.entity), st.data())
    def hold(given_filters: dict[str, Any], data: st.DataObject) -> None:
        expected = [row for row in asking.rows if all(sift(row, *one) for one in given_filters.items())]
        asking.check({"filter": given_filters}, expected, data)

    hold()


def test_every_operator_selects_something_and_leaves_something(asking: Asking) -> None:
    seen: Counter[str] = Counter()
    for operator in ("eq", "neq", "gt", "lt", "ge", "le", "like", "not_like", "regex", "in", "not_in"):
        value = {"in": ["a", "ab"], "not_in": ["a", "ab"]}.get(operator, "a")
        found = asking.post("count", search=[{"field": "name", "operator": operator, "value": value}])[
            "count"
        ]
        assert found == sum(oracle.compare("name", operator, row["name"], value) for row in asking.rows)
        seen[operator] += 0 < found < len(asking.rows)
    assert set(seen.values()) == {1}, seen
