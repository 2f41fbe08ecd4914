"""Whose commands run as whom: a claim gives out, and acts change, only what the token's owner bound, or whom it serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from jobmon_client.states import Scope, Serve
from jobmon_server.app import create_app
from jobmon_server.db.core.transaction import Database
from jobmon_server.fsm.acts import ACTS
from jobmon_server.routes.http.endpoint import PREFIX
from jobmon_server.routes.http.scopes import DISTRIBUTOR_REPORTS, POSTS, WORKER_REPORTS
from tests.support.path import RUNNING, SECONDS, Path, task
from tests.support.tokens import caller, guarded, make_token

NOBODY = create_app(Database.connect("sqlite://"))
WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
#: Every route of the application that may write, whatever serves it.
ROUTES = sorted(
    (method, rule.rule)
    for rule in NOBODY.url_map.iter_rules()
    for method in (rule.methods or set()) & WRITING
)
INSTANCE = "/task_instance/<id:task_instance_id>"
REPORTS: dict[str, dict[str, Any]] = {
    "log_running": {"worker_id": "w", **RUNNING},
    "log_report_by": {"worker_id": "w", "next_report_increment": SECONDS},
    "log_done": {"worker_id": "w"},
    "log_error_worker_node": {"worker_id": "w", "error_state": "ERROR", "error_description": "it broke"},
    "log_distributor_id": {"distributor_id": "4711", "next_report_increment": SECONDS},
    "log_no_distributor_id": {"error_message": "no"},
    "log_known_error": {"error_state": "ERROR", "error_message": "no"},
    "log_unknown_error": {"error_message": "no"},
}
TASKS = {"tasks": [task("late")]}
#: One call about one thing: 403, `forbidden`. What it is about is in the path.
SINGLE: dict[str, dict[str, Any]] = {
    "/workflow/<id:workflow_id>/tasks": TASKS,
    "/workflow/<id:workflow_id>/workflow_run": {"next_report_increment": SECONDS, "resume": "cold"},
    "/workflow_run/<id:workflow_run_id>/queue_tasks": {},
    "/workflow_run/<id:workflow_run_id>/log_heartbeat": {"next_report_increment": SECONDS},
    "/workflow_run/<id:workflow_run_id>/terminate": {},
    **{f"/workflow/<id:workflow_id>/{verb}": {} for verb in ACTS},
    **{f"/task/<id:task_id>/{verb}": {} for verb in ACTS},
    "/task/<id:task_id>/stop_children": {},
    "/workflow/<id:workflow_id>/stop_waiting": {},
    "/workflow/<id:workflow_id>/recompute": {},
    "/workflow/<id:workflow_id>/callbacks/<id:callback_id>/retry": {},
    "/task/<id:task_id>/force_status": {"status": "DONE", "reason": "so"},
    "/task/<id:task_id>/delete": {},
    "/workflow/<id:workflow_id>/limits": {"max_concurrently_running": 0},
    f"{INSTANCE}/commands": {"command": "kill"},
    "/workflow/<id:workflow_id>/delete": {"force": True},
    **{f"{INSTANCE}/{name}": REPORTS[name] for name in WORKER_REPORTS + DISTRIBUTOR_REPORTS},
    "/submission": {
        "submission_uuid": "theirs",
        "cluster": "local",
        "distributor": "d",
        "task_instance_ids": ["instance"],
    },
    "/submission/<submission_uuid>/log_distributor_id": {"distributor_id": "4711"},
    "/submission/<submission_uuid>/remove": {},
    # The same client_id and request_id would give the other's workflow.
    "/workflow": {"name": "mine", "client_id": "c", "request_id": "r"},
    "/submit": {"name": "mine", "client_id": "c", "request_id": "r", **TASKS},
}
#: Many things in one call: those of others are `fenced`, each by itself.
MANY: dict[str, dict[str, Any]] = {
    **{f"/task/{verb}": {"task_ids": ["task"]} for verb in ACTS},
    **{f"/workflow/{verb}": {"workflow_ids": ["workflow"]} for verb in ACTS},
    "/task/force_status": {"task_ids": ["task"], "status": "DONE", "reason": "so"},
    "/task/delete": {"task_ids": ["task"]},
    "/task/properties": {"task_ids": ["task"], "properties": {"command": "id"}},
    "/task/attributes": {"task_ids": ["task"], "attributes": {"a": 1}},
    "/workflow/attributes": {"workflow_ids": ["workflow"], "attributes": {"a": 1}},
    "/workflow/delete": {"workflow_ids": ["workflow"], "force": True},
    "/task/inputs": {"items": [{"task_id": "task", "name": "in", "status": "AVAILABLE"}]},
    "/task_instance/accounting": {"items": [{"task_instance_id": "instance", "accounting": "DONE"}]},
    "/commands": {"items": [{"task_instance_id": "instance", "command": "kill"}]},
    "/commands/acknowledge": {"acknowledgements": [{"command_id": "command"}]},
    "/task_instance/instantiate_task_instances": {
        "distributor": "d",
        "next_report_increment": SECONDS,
        "task_instance_ids": ["instance"],
    },
    "/array/<id:array_id>/batch/<id:batch_num>/log_launched": {
        "distributor_ids": {"0": "4711"},
        "next_report_increment": SECONDS,
    },
    "/task_instance/log_report_by/batch": {
        "task_instance_ids": ["instance"],
        "next_report_increment": SECONDS,
    },
    "/reports": {"reports": [{"task_instance_id": "instance", "report": "log_done", "worker_id": "w"}]},
}
#: What is held to nobody, and why.
FREE = {
    **dict.fromkeys((f"{PREFIX}{rule}" for rule in POSTS[Scope.VIEWER]), "it asks, and changes nothing"),
    f"{PREFIX}/queue": "a cluster's queue belongs to no workflow",
    "/ui/login": "it changes nothing but the caller's own session",
}


@dataclass
class World:
    """Bob's workflow, with everything in it that can be named, and what names it."""

    app: Flask
    database: Database
    path: Path
    ids: dict[str, Any]

    def caller(self, name: str, scope: Scope = Scope.OPERATOR, **facts: Any) -> Path:
        """Somebody with a token."""
        text = make_token(self.database, scope, name=name, **facts)
        return Path(caller(self.app, text))

    def address(self, rule: str) -> str:
        """The rule with what Bob has in every place."""
        places = {
            "<id:workflow_id>": "workflow",
            "<id:workflow_run_id>": "run",
            "<id:task_id>": "task",
            "<id:task_instance_id>": "instance",
            "<id:array_id>": "array",
            "<id:batch_num>": "batch",
            "<id:callback_id>": "callback",
            "<submission_uuid>": "submission",
        }
        for place, name in places.items():
            rule = rule.replace(place, str(self.ids[name]))
        return rule

    def named(self, body: Any) -> Any:
        """A body with Bob's ids where it names what they are of."""
        if isinstance(body, dict):
            return {key: value if key == "tasks" else self.named(value) for key, value in body.items()}
        if isinstance(body, list):
            return [self.named(one) for one in body]
        return self.ids.get(body, body) if body in {"task", "workflow", "instance", "command"} else body

    def standing(self) -> Any:
        """What everybody sees of Bob's workflow: nothing of it may change."""
        found = self.path.get(f"/workflow/{self.ids['workflow']}")
        tasks = self.path.get(f"/workflow/{self.ids['workflow']}/tasks")
        journal = self.path.get(f"/task_instance/{self.ids['instance']}/journal")
        instance = self.path.get(f"/task_instance/{self.ids['instance']}")
        return found, tasks, journal, instance


@pytest.fixture
def world(database: Database) -> World:
    """Bob has a workflow with one task whose worker runs and has a command waiting, and another that waits."""
    app = guarded(database)
    bob = make_token(database, Scope.OPERATOR, name="bob", owner="bob", owner_group="physics")
    path = Path(caller(app, bob))
    path.bind(task("a", inputs=["in"]), task("b", "a"), client_id="c", request_id="r").start()
    one = path.run_one()
    known = path.get(f"/task_instance/{one}")
    told = path.post(f"/task_instance/{one}/commands", command="signal", arguments={"signal": "SIGCONT"})
    submission = {"submission_uuid": "s", "cluster": "local", "distributor": "d", "task_instance_ids": [one]}
    assert path.post("/submission", **submission).status_code == 201
    ids = {
        "workflow": path.workflow_id,
        "run": path.run_id,
        "task": path.task_ids["a"],
        "instance": one,
        "array": known["array_id"],
        "batch": known["batch_num"],
        "callback": 1,
        "submission": "s",
        "command": told.get_json()["command_id"],
    }
    return World(app, database, path, ids)


def test_every_route_that_writes_is_held_or_says_why_not() -> None:
    held = {f"{PREFIX}{rule}" for rule in (*SINGLE, *MANY)}
    written = {rule for _, rule in ROUTES}
    assert written - held - set(FREE) == set(), "hold the new route to its owner, or say here why not"
    assert (held | set(FREE)) - written == set(), "there is no such route any more"
    assert held & set(FREE) == set()


@pytest.mark.parametrize("rule", SINGLE)
def test_what_is_somebody_elses_is_forbidden(world: World, rule: str) -> None:
    ann, before = world.caller("ann", owner="ann", owner_group="physics"), world.standing()

    reply = ann.post(world.address(rule), **world.named(SINGLE[rule]))

    assert (reply.status_code, reply.get_json()["error"]["code"]) == (403, "forbidden"), reply.get_json()
    assert world.standing() == before


@pytest.mark.parametrize("rule", MANY)
def test_one_of_many_that_is_somebody_elses_is_fenced(world: World, rule: str) -> None:
    ann, before = world.caller("ann", owner="ann"), world.standing()

    reply = ann.post(world.address(rule), **world.named(MANY[rule]))

    assert reply.status_code == 200, reply.get_json()
    assert [one["outcome"] for one in reply.get_json()["outcomes"]] == ["fenced"], reply.get_json()
    assert world.standing() == before


@pytest.mark.parametrize(
    "facts",
    [
        {"owner": "bob"},
        {"owner": "ann", "owner_group": "physics", "serve": Serve.GROUP},
        {"serve": Serve.ALL},
        {"owner": "ann", "scope": Scope.ADMIN},
    ],
)
@pytest.mark.parametrize("rule", ["/task/<id:task_id>/stop", f"{INSTANCE}/log_report_by", "/reports"])
def test_whom_a_token_serves_it_may_act_for(world: World, rule: str, facts: dict[str, Any]) -> None:
    ann = world.caller("ann", **facts)
    body = {"worker_id": "worker-1", "next_report_increment": SECONDS}
    given: dict[str, Any] = {} if rule.endswith("stop") else body
    if rule == "/reports":
        given = {"reports": [{"task_instance_id": world.ids["instance"], "report": "log_report_by", **body}]}

    reply = ann.post(world.address(rule), **given)

    assert reply.status_code == 200, reply.get_json()
    said = reply.get_json()
    assert said.get("outcome", "applied") == "applied"
    assert said.get("applied", 1) == 1


@pytest.mark.parametrize(
    ("facts", "is_served"),
    [
        ({"owner": "ann"}, False),
        ({"owner": "ann", "owner_group": "physics"}, False),
        ({"owner": "ann", "owner_group": "chemistry", "serve": Serve.GROUP}, False),
        ({"owner_group": "physics"}, False),
        ({"owner": "bob"}, True),
        ({"owner": "ann", "owner_group": "physics", "serve": Serve.GROUP}, True),
        ({"serve": Serve.ALL}, True),
    ],
)
def test_a_claim_of_a_cluster_passes_over_what_it_does_not_serve(
    world: World,
    facts: dict[str, Any],
    is_served: bool,
) -> None:
    world.path.bind(*(task(str(number), priority=9) for number in range(5))).start()
    theirs = world.path.queue()
    ann = world.caller("ann", **facts)
    ann.bind(task("mine")).start()
    (mine,) = ann.queue()

    claim = {"distributor": "d", "next_report_increment": SECONDS, "cluster": "local", "limit": 10}
    batches = ann.post("/task_instance/instantiate_task_instances", **claim).get_json()["batches"]

    given = {one["task_instance_id"] for batch in batches for one in batch["task_instances"]}
    assert given == ({mine, *theirs} if is_served else {mine})
    tended = ann.get("/task_instance/tended?cluster=local")["task_instances"]
    assert {one["task_instance_id"] for one in tended} == given


def test_no_owner_is_one_owner_as_any_other(world: World) -> None:
    nobody, another = world.caller("one"), world.caller("another")
    nobody.bind(task("x")).start()
    assert another.post(f"/workflow/{nobody.workflow_id}/stop").status_code == 200
    assert another.post(f"/workflow/{world.ids['workflow']}/stop").status_code == 403
    assert world.path.post(f"/workflow/{nobody.workflow_id}/stop").status_code == 403


def test_an_act_on_all_that_a_search_finds_passes_over_others(world: World) -> None:
    ann, before = world.caller("ann", owner="ann"), world.standing()
    ann.bind(task("mine"))

    stopped = ann.post("/task/stop", all=True).get_json()
    paused = ann.post("/workflow/delete", all=True).get_json()

    assert (stopped["matched"], stopped["task_ids"]) == (1, [ann.task_ids["mine"]])
    assert (paused["matched"], paused["workflow_ids"]) == (1, [ann.workflow_id])
    assert world.standing() == before


def test_everybody_reads(world: World) -> None:
    ann = world.caller("ann", Scope.VIEWER, owner="ann")
    workflow, one = world.ids["workflow"], world.ids["instance"]
    for address in (f"/workflow/{workflow}", f"/workflow/{workflow}/tasks", f"/task_instance/{one}/journal"):
        assert ann.get(address)
    assert ann.get("/workflow")["workflows"][0]["owner"] == "bob"


def test_without_authentication_everything_is_everybodys(world: World) -> None:
    anybody = Path(create_app(world.database).test_client())
    assert anybody.post(f"/task/{world.ids['task']}/stop").get_json()["outcome"] == "applied"
