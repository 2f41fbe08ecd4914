"""Tokens: who is let in, what each scope allows, and what is kept of who did it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from jobmon_client.states import Scope
from jobmon_server.actions.admin.tokens import revoke_token
from jobmon_server.app import create_app
from jobmon_server.db.admin.tokens import digest_of
from jobmon_server.db.core.transaction import Database
from jobmon_server.principal import allowing
from jobmon_server.routes.http import authentication
from jobmon_server.routes.http.scopes import DISTRIBUTOR_REPORTS, OPEN, POSTS, WORKER_REPORTS, needed
from tests.support.path import Path, task
from tests.support.tokens import caller, guarded, make_token

NOBODY = create_app(Database.connect("sqlite://"))
ROUTES = sorted(
    (method, rule.rule)
    for rule in NOBODY.url_map.iter_rules()
    for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
)


@pytest.fixture
def app(database: Database) -> Flask:
    """The application, which asks for a token."""
    return guarded(database)


def address(rule: str) -> str:
    """The rule with 1 in every place."""
    return "/".join("1" if part.startswith("<") else part for part in rule.split("/"))


def error(reply: Any) -> Any:
    """What a refusal says."""
    return reply.get_json()["error"]


def test_every_rule_of_the_table_is_a_route() -> None:
    listed = {("POST", f"/api/v1{rule}") for rules in POSTS.values() for rule in rules}
    assert listed <= set(ROUTES)
    assert {("GET", rule) for rule in OPEN} <= set(ROUTES)


def test_every_route_asks_for_a_scope_and_what_is_not_listed_is_safe() -> None:
    asked = {route: needed(*route) for route in ROUTES}
    assert {rule for (_, rule), scope in asked.items() if scope is None} == OPEN
    assert {scope for (method, _), scope in asked.items() if method == "GET"} == {Scope.VIEWER, None}
    assert needed("POST", "/api/v1/not/yet/there") is Scope.OPERATOR
    assert needed("DELETE", "/api/v1/workflow/<id:workflow_id>") is Scope.OPERATOR
    assert asked["POST", "/api/v1/workflow"] is Scope.OPERATOR
    assert asked["POST", "/api/v1/task/<id:task_id>/stop"] is Scope.OPERATOR


def test_every_report_is_a_workers_or_a_distributors() -> None:
    paths = {
        name: f"/api/v1/task_instance/<id:task_instance_id>/{name}"
        for name in WORKER_REPORTS + DISTRIBUTOR_REPORTS
    }
    assert {needed("POST", paths[name]) for name in WORKER_REPORTS} == {Scope.WORKER}
    assert {needed("POST", paths[name]) for name in DISTRIBUTOR_REPORTS} == {Scope.DISTRIBUTOR}


def test_without_a_token_nothing_but_health_answers(app: Flask) -> None:
    client = app.test_client()
    for method, rule in ROUTES:
        reply = client.open(address(rule), method=method)
        # A code is as good as a token, and there is none here.
        assert (reply.status_code == 401) is (rule not in OPEN - {"/ui/enter"}), (method, rule)
    assert client.get("/api/v1/no/such/path").status_code == 401
    assert client.get("/health").status_code == client.get("/ready").status_code == 200


@pytest.mark.parametrize(
    "header",
    ["Bearer jm_nobody", "Bearer ", "Bearer", "bearer a=b", "Basic am06am0=", "jm_nobody", "Bearer \xff\xfe"],
)
def test_what_is_no_token_of_ours_is_refused(app: Flask, header: str) -> None:
    reply = app.test_client().get("/api/v1/fsm", headers={"Authorization": header})
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert (error(reply)["code"], reply.get_json()["outcome"]) == ("unauthorized", None)


@pytest.mark.parametrize("scope", Scope)
def test_a_scope_allows_its_routes_and_no_other(app: Flask, database: Database, scope: Scope) -> None:
    client = caller(app, make_token(database, scope))
    for method, rule in ROUTES:
        asked = needed(method, rule)
        reply = client.open(address(rule), method=method)
        is_allowed = asked is None or scope in allowing(asked)
        assert (reply.status_code == 403) is not is_allowed, (method, rule)
        # A code is as good as a token, and there is none here.
        assert (reply.status_code == 401) is (rule == "/ui/enter"), (method, rule)
        if asked is not None and not is_allowed:
            assert error(reply)["code"] == "forbidden"
            assert [one["id"] for one in error(reply)["details"]] == list(allowing(asked))
    assert client.get("/api/v1/no/such/path").status_code == 404
    assert client.put("/api/v1/workflow").status_code == 405


def test_a_token_may_have_several_scopes(app: Flask, database: Database) -> None:
    client = caller(app, make_token(database, Scope.VIEWER, Scope.DISTRIBUTOR))
    assert client.get("/api/v1/workflow").status_code == 200
    assert client.post("/api/v1/reports", json={"reports": []}).status_code == 200
    assert client.post("/api/v1/workflow", json={"name": "w"}).status_code == 403


def test_a_revoked_token_holds_no_longer(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "KEEP_SECONDS", 0.0)
    client = caller(app, make_token(database, Scope.VIEWER, name="ann"))
    assert client.get("/api/v1/fsm").status_code == 200
    database.transact(revoke_token, "ann")
    reply = client.get("/api/v1/fsm")
    assert (reply.status_code, error(reply)["message"]) == (401, "The token ann was revoked.")


def test_a_token_expires_by_the_clock_of_the_database(
    app: Flask, database: Database, eventually: Callable[..., object]
) -> None:
    client = caller(app, make_token(database, Scope.VIEWER, name="ann", expires=0.5))
    assert client.get("/api/v1/fsm").status_code == 200
    eventually(lambda: client.get("/api/v1/fsm").status_code == 401, what="the token expired")
    assert error(client.get("/api/v1/fsm"))["message"] == "The token ann has expired."


def test_a_known_token_costs_no_statement(app: Flask, database: Database) -> None:
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *facts: statements.append(facts[2]))
    client = caller(app, make_token(database, Scope.VIEWER))
    statements.clear()
    assert client.get("/api/v1/fsm").status_code == 200
    assert sum("FROM token" in one for one in statements) == 1
    statements.clear()
    assert client.get("/api/v1/fsm").status_code == 200
    assert statements == []


def test_what_is_remembered_of_tokens_is_bounded(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "MOST_KEPT", 2)
    texts = [make_token(database, Scope.VIEWER, name=f"n{number}") for number in range(5)]
    principals = authentication.Principals()
    with app.app_context():
        assert [principals.of(digest_of(text)).name for text in texts] == ["n0", "n1", "n2", "n3", "n4"]
    assert len(principals._kept) <= 2


def test_a_workflow_keeps_owner_group_and_tenant_of_the_token_that_bound_it(
    app: Flask, database: Database
) -> None:
    whose = {"owner": "ann", "owner_group": "physics", "tenant": "lab"}
    text = make_token(database, Scope.OPERATOR, owner="ann", owner_group="physics", tenant="lab")
    path = Path(caller(app, text))
    path.bind()
    assert {name: path.workflow()[name] for name in whose} == whose


def test_workflows_are_found_by_their_owner_exactly(app: Flask, database: Database) -> None:
    owners = ("ann", "Ann", "ann ", "an")
    for owner in owners:
        Path(caller(app, make_token(database, Scope.OPERATOR, name=f"of {owner}", owner=owner))).bind()
    viewer = caller(app, make_token(database, Scope.VIEWER))
    for owner in owners:
        (found,) = viewer.get("/api/v1/workflow", query_string={"owner": owner}).get_json()["workflows"]
        assert found["workflow_id"] == owners.index(owner) + 1
    assert viewer.get("/api/v1/workflow?owner=a").get_json()["workflows"] == []


def test_the_body_does_not_say_whose_a_workflow_is(app: Flask, database: Database) -> None:
    client = caller(app, make_token(database, Scope.OPERATOR, owner="ann"))
    for name in ("owner", "owner_group", "tenant"):
        reply = client.post("/api/v1/workflow", json={"name": "w", name: "me"})
        assert (reply.status_code, error(reply)["details"][0]["field"]) == (422, name)


def test_without_authentication_a_workflow_is_nobodys(database: Database) -> None:
    path = Path(create_app(database).test_client())
    path.bind()
    assert [path.workflow()[name] for name in ("owner", "owner_group", "tenant")] == [None] * 3
    assert path.post("/workflow", name="w", owner="me").status_code == 422


def reporters(path: Path, one: int) -> list[tuple[str, str | None]]:
    """Who wrote the journal of an instance."""
    journal = path.get(f"/task_instance/{one}/journal")["journal"]
    return [(row["reporter"], row["reporter_id"]) for row in journal if row["reporter"] == "operator"]


@pytest.mark.parametrize("verb", ["stop", "rerun", "pause"])
@pytest.mark.parametrize("target", ["task", "tasks", "workflow"])
def test_the_journal_names_the_token_that_acted(
    app: Flask, database: Database, verb: str, target: str
) -> None:
    path = Path(caller(app, make_token(database, Scope.OPERATOR, name="ann")))
    path.bind(task("a")).start()
    (one,) = path.queue()
    if target == "tasks":
        path.post(f"/task/{verb}", task_ids=list(path.task_ids.values()))
    else:
        path.act(verb, "a" if target == "task" else None)
    assert reporters(path, one) == [("operator", "ann")]


@pytest.mark.parametrize("how", ["terminate", "resume"])
def test_the_journal_names_who_ended_a_run(app: Flask, database: Database, how: str) -> None:
    path = Path(caller(app, make_token(database, Scope.OPERATOR, name="ann")))
    path.bind(task("a")).start(seconds=60 if how == "terminate" else 0.001)
    (one,) = path.queue()
    if how == "terminate":
        path.post(f"/workflow_run/{path.run_id}/terminate")
    else:
        path.start(resume="cold")
    assert reporters(path, one) == [("operator", "ann")]


def test_without_authentication_the_journal_names_nobody(database: Database) -> None:
    path = Path(create_app(database).test_client())
    path.bind(task("a")).start()
    (one,) = path.queue()
    path.act("stop")
    assert reporters(path, one) == [("operator", None)]


def test_a_workers_token_does_not_report_what_distributors_do(app: Flask, database: Database) -> None:
    path = Path(caller(app, make_token(database, Scope.OPERATOR)))
    one = path.bind(task("a")).start().run_one()
    done = {"task_instance_id": one, "report": "log_done", "worker_id": "worker-1"}
    lost = {
        "task_instance_id": one,
        "report": "log_known_error",
        "error_state": "ERROR",
        "error_message": "m",
    }
    worker = caller(app, make_token(database, Scope.WORKER, name="worker"))
    refused = worker.post("/api/v1/reports", json={"reports": [done, lost]})
    assert (refused.status_code, error(refused)["code"]) == (403, "forbidden")
    assert path.instance(one)["status"] == "RUNNING"
    odd = [7, {"report": ["log_known_error"]}, done]
    taken = worker.post("/api/v1/reports", json={"reports": odd}).get_json()
    assert (taken["applied"], [item["outcome"] for item in taken["outcomes"]]) == (1, ["malformed"] * 2)


def test_the_main_path_goes_with_the_tokens_that_it_takes(app: Flask, database: Database) -> None:
    path = Path(caller(app, make_token(database, Scope.OPERATOR, name="owner")))
    path.bind(task("a")).start()
    (one,) = path.queue()
    distributor = Path(caller(app, make_token(database, Scope.DISTRIBUTOR, name="distributor")))
    distributor.claim([one])
    assert distributor.launch(one).status_code == 200
    worker = Path(caller(app, make_token(database, Scope.WORKER, name="worker")))
    assert worker.running(one).status_code == worker.beat(one).status_code == 200
    assert worker.done(one).status_code == 200
    viewer = Path(caller(app, make_token(database, Scope.VIEWER, name="viewer")))
    assert viewer.get(f"/workflow/{path.workflow_id}")["status"] == "DONE"


def test_the_document_says_what_each_route_asks_for() -> None:
    document = NOBODY.test_client().get("/api/v1/openapi.json").get_json()
    assert document["components"]["securitySchemes"]["bearer"] == {"type": "http", "scheme": "bearer"}
    health = document["paths"]["/api/v1/health"]["get"]
    bind = document["paths"]["/api/v1/workflow"]["post"]
    assert (health["security"], "401" in health["responses"]) == ([], False)
    assert (bind["security"], bind["x-scope"]) == ([{"bearer": []}], "operator")
    assert {"401", "403"} <= bind["responses"].keys()


def test_a_database_that_is_away_is_no_reason_to_let_anybody_in() -> None:
    app = guarded(Database.connect("mysql+pymysql://nobody@127.0.0.1:1/nothing"))
    assert caller(app, "jm_any").get("/api/v1/fsm").status_code == 503
