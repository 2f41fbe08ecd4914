"""Commands to running instances: told with signs of life until acknowledged by id, never lost, listed with their times."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_server.actions.operator.commands import MOST_WAITING
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import ME, SECONDS, Path, task

MINUTE: dict[str, Any] = {"command": "set_heartbeat_interval", "arguments": {"seconds": 60.0}}
KILL: dict[str, Any] = {"command": "kill", "arguments": {}}


@pytest.fixture
def running(path: Path) -> int:
    """An instance that runs, of a workflow with more to do."""
    return path.bind(task("a"), task("b"), task("c")).start().run_one()


def ask(path: Path, one: int, command: str = "kill", **facts: Any) -> int:
    """Ask for a command; its id."""
    reply = path.post(f"/task_instance/{one}/commands", command=command, **facts)
    assert (reply.status_code, reply.get_json()["outcome"]) == (200, "applied"), reply.get_json()
    return int(reply.get_json()["command_id"])


def told(path: Path, one: int, **facts: Any) -> list[Any]:
    """What a heartbeat brings."""
    reply = path.beat(one, **facts).get_json()
    assert reply["outcome"] == "applied"
    return list(reply["commands"])


def batch(path: Path, *ids: int) -> Any:
    """One heartbeat for many."""
    url = "/task_instance/log_report_by/batch"
    return path.post(url, task_instance_ids=list(ids), next_report_increment=SECONDS).get_json()


def commands(path: Path, one: int) -> list[Any]:
    """What the list says."""
    return list(path.get(f"/task_instance/{one}/commands")["commands"])


def acknowledge(path: Path, *ids: int, **facts: Any) -> Any:
    """Acknowledge as a node agent does."""
    given = [{"command_id": one, **facts} for one in ids]
    return path.post("/commands/acknowledge", acknowledgements=given).get_json()


# -- told ----------------------------------------------------------------------------------------------------------


def test_a_command_is_told_with_each_heartbeat_until_it_is_acknowledged(path: Path, running: int) -> None:
    asked = ask(path, running, **MINUTE)
    order = {"command_id": asked, **MINUTE}
    assert told(path, running) == [order]
    assert told(path, running) == [order]
    reply = path.beat(running, acknowledged=[{"command_id": asked, "result": "it is so"}]).get_json()
    assert (reply["commands"], reply["acknowledged"]) == ([], [{"command_id": asked, "outcome": "applied"}])
    assert told(path, running) == []


def test_the_heartbeat_of_many_brings_the_commands_of_each(path: Path, running: int) -> None:
    others = [path.run_one(), path.run_one()]
    first, second = ask(path, running), ask(path, others[0], **MINUTE)
    again = ask(path, running, "signal", arguments={"signal": "SIGUSR1"})
    reply = batch(path, running, *others)
    assert reply["applied"] == 3
    assert {one["task_instance_id"]: one["commands"] for one in reply["outcomes"]} == {
        running: [
            {"command_id": first, **KILL},
            {"command_id": again, "command": "signal", "arguments": {"signal": "SIGUSR1"}},
        ],
        others[0]: [{"command_id": second, **MINUTE}],
    }
    assert {one["outcome"] for one in reply["outcomes"]} == {"applied"}


def test_a_command_that_waited_for_its_worker_is_told_at_the_start_and_when_that_is_said_again(
    path: Path,
) -> None:
    path.bind(task("a")).start()
    (one,) = path.queue()
    asked = ask(path, one, **MINUTE)
    path.claim([one])
    for outcome in ("applied", "duplicate"):
        reply = path.running(one).get_json()
        assert (reply["outcome"], reply["commands"]) == (outcome, [{"command_id": asked, **MINUTE}])


def test_a_reconcilers_sign_of_life_for_what_does_not_run_yet_takes_no_command(path: Path) -> None:
    path.bind(task("a")).start()
    (one,) = path.queue()
    path.claim([one])
    ask(path, one)
    assert batch(path, one) == {"applied": 1, "outcomes": []}
    assert commands(path, one)[0]["num_deliveries"] == 0


def test_reports_in_one_call_bring_and_take_commands(path: Path, running: int) -> None:
    asked = [ask(path, running), ask(path, running, **MINUTE)]
    beat = {
        "task_instance_id": running,
        "report": "log_report_by",
        "worker_id": ME,
        "next_report_increment": 60,
    }
    (item,) = path.reports(beat)["outcomes"]
    assert (item["outcome"], item["position"]) == ("applied", 0)
    assert [one["command_id"] for one in item["commands"]] == asked
    both = [{"command_id": one} for one in asked]
    assert path.reports({**beat, "acknowledged": both}, beat) == {"applied": 2, "outcomes": []}
    (item,) = path.reports({**beat, "acknowledged": [{"command_id": 77}]})["outcomes"]
    assert (item["outcome"], item["acknowledged"]) == (
        "applied",
        [{"command_id": 77, "outcome": "unknown"}],
    )


def test_who_lost_the_instance_neither_hears_commands_nor_acknowledges_any(path: Path, running: int) -> None:
    asked = ask(path, running)
    reply = path.beat(running, "worker-2", acknowledged=[{"command_id": asked}])
    assert (reply.status_code, reply.get_json()["commands"]) == (409, [])
    assert commands(path, running)[0]["status"] == "QUEUED"


def test_a_heartbeat_that_is_told_to_stop_still_acknowledges(path: Path, running: int) -> None:
    asked = ask(path, running)
    path.act("stop", "a")
    reply = path.beat(running, acknowledged=[{"command_id": asked}]).get_json()
    assert (reply["outcome"], reply["status"], reply["commands"]) == ("untimely", "KILL_SELF", [])
    assert commands(path, running)[0]["status"] == "ACKNOWLEDGED"


# -- asked for -----------------------------------------------------------------------------------------------------


def test_two_commands_of_one_call_both_exist(path: Path, running: int, database: Database) -> None:
    item = {"task_instance_id": running, "command": "kill"}
    reply = path.post("/commands", items=[item, item]).get_json()
    assert (reply["applied"], len(set(reply["command_ids"])), reply["outcomes"]) == (2, 2, [])
    listed = commands(path, running)
    assert [one["command_id"] for one in listed] == reply["command_ids"]
    assert listed[0]["created_at"] == listed[1]["created_at"]
    assert path.instance(running)["pending_commands"] == 2
    assert database.read(check) == []


def test_each_item_has_its_own_outcome(path: Path, running: int) -> None:
    over = path.run_one()
    path.done(over)
    items = [{"task_instance_id": one, "command": "kill"} for one in (running, 999, over, running)]
    reply = path.post("/commands", items=items).get_json()
    assert reply["applied"] == 2
    assert [one is None for one in reply["command_ids"]] == [False, True, True, False]
    assert [(one["position"], one["outcome"], one["status"]) for one in reply["outcomes"]] == [
        (1, "unknown", None),
        (2, "invalid", "DONE"),
    ]


def test_the_same_request_again_is_the_same_command(path: Path, running: int) -> None:
    other = path.run_one()
    asked = ask(path, running, request_id="once")
    url = f"/task_instance/{running}/commands"
    reply = path.post(url, command="kill", request_id="once").get_json()
    assert (reply["outcome"], reply["command_id"]) == ("duplicate", asked)
    item = {"command": "kill", "request_id": "twice"}
    items = [{"task_instance_id": one, **item} for one in (running, other, running)]
    reply = path.post("/commands", items=items).get_json()
    assert (reply["applied"], reply["command_ids"][0]) == (2, reply["command_ids"][2])
    assert reply["command_ids"][0] != reply["command_ids"][1]
    assert [one["outcome"] for one in reply["outcomes"]] == ["duplicate"]
    path.done(running)
    assert path.post(url, command="kill", request_id="once").get_json()["outcome"] == "duplicate"


def test_what_is_over_and_what_is_unknown_is_told_nothing(path: Path, running: int) -> None:
    path.done(running)
    reply = path.post(f"/task_instance/{running}/commands", command="kill")
    said = reply.get_json()
    assert (reply.status_code, said["outcome"], said["status"]) == (409, "invalid", "DONE")
    reply = path.post("/task_instance/999/commands", command="kill")
    assert (reply.status_code, reply.get_json()["outcome"]) == (404, "unknown")
    assert path.post("/commands", items=[]).get_json()["applied"] == 0


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"command": "dance"}, "command", "kill, set_heartbeat_interval, signal"),
        ({}, "command", "required"),
        ({"command": "kill", "arguments": {"hard": True}}, "arguments.hard", "none"),
        ({"command": "set_heartbeat_interval"}, "arguments.seconds", "required"),
        ({"command": "set_heartbeat_interval", "arguments": {"seconds": 0}}, "arguments.seconds", "2592000"),
        (
            {"command": "set_heartbeat_interval", "arguments": {"seconds": 2592001}},
            "arguments.seconds",
            "2592000",
        ),
        ({"command": "signal", "arguments": {"signal": 9}}, "arguments.signal", "SIGUSR1"),
        ({"command": "signal", "arguments": {"signal": "SIGKILL"}}, "arguments.signal", "SIGTERM"),
        ({"command": "signal", "arguments": [1]}, "arguments", "object"),
    ],
)
def test_a_command_that_cannot_be_is_refused_naming_what_can(
    path: Path, running: int, body: dict[str, Any], field: str, says: str
) -> None:
    url = f"/task_instance/{running}/commands"
    for reply, prefix in (
        (path.post(url, **body), ""),
        (path.post("/commands", items=[{"task_instance_id": running, **body}]), "items.0."),
    ):
        (detail,) = reply.get_json()["error"]["details"]
        assert (reply.status_code, detail["field"]) == (422, prefix + field)
        assert says in detail["problem"]
    assert commands(path, running) == []


def test_no_more_than_so_many_wait_for_one_instance(path: Path, running: int) -> None:
    item = {"task_instance_id": running, "command": "kill"}
    reply = path.post("/commands", items=[item] * (MOST_WAITING + 1)).get_json()
    assert (reply["applied"], reply["outcomes"][0]["outcome"]) == (MOST_WAITING, "invalid")
    assert "wait" in reply["outcomes"][0]["message"]
    assert path.post(f"/task_instance/{running}/commands", command="kill").status_code == 409
    acknowledge(path, reply["command_ids"][0])
    ask(path, running)


# -- acknowledged and listed -----------------------------------------------------------------------------------------


def test_an_agent_acknowledges_commands_of_many_instances_each_once(
    path: Path, running: int, database: Database
) -> None:
    other = path.run_one()
    mine, others = ask(path, running), ask(path, other)
    assert acknowledge(path, mine, others, mine, 999) == {
        "applied": 2,
        "outcomes": [
            {"position": 2, "command_id": mine, "outcome": "duplicate"},
            {"position": 3, "command_id": 999, "outcome": "unknown"},
        ],
    }
    assert acknowledge(path, 999)["applied"] == 0
    assert [path.instance(one)["pending_commands"] for one in (running, other)] == [0, 0]
    assert database.read(check) == []


def test_a_command_of_another_instance_is_not_acknowledged(path: Path, running: int) -> None:
    others = ask(path, path.run_one())
    reply = path.beat(running, acknowledged=[{"command_id": others}]).get_json()
    assert (reply["outcome"], reply["acknowledged"][0]["outcome"]) == ("applied", "unknown")


def test_the_list_says_what_became_of_each_and_when(path: Path, running: int) -> None:
    first, second, third = (ask(path, running) for _ in range(3))
    assert [one["status"] for one in commands(path, running)] == ["QUEUED"] * 3
    path.beat(running)
    acknowledge(path, first, result="ended")
    path.beat(running)
    done, waiting, _ = commands(path, running)
    assert (done["status"], done["result"], done["num_deliveries"]) == ("ACKNOWLEDGED", "ended", 1)
    assert done["created_at"] <= done["delivered_at"] <= done["acknowledged_at"]
    assert (waiting["status"], waiting["num_deliveries"]) == ("DELIVERED", 2)
    assert waiting["delivered_at"] == done["delivered_at"]
    assert acknowledge(path, first, result="again")["outcomes"][0]["outcome"] == "duplicate"
    path.done(running)
    assert [one["status"] for one in commands(path, running)] == ["ACKNOWLEDGED", "OBSOLETE", "OBSOLETE"]
    acknowledge(path, second)
    assert [one["status"] for one in commands(path, running)][1] == "ACKNOWLEDGED"
    page = path.get(f"/task_instance/{running}/commands?limit=1&cursor={first}")
    assert ([one["command_id"] for one in page["commands"]], page["next"]) == ([second], str(second))
    last = path.get(f"/task_instance/{running}/commands?limit=1&cursor={page['next']}")
    assert ([one["command_id"] for one in last["commands"]], last["next"]) == ([third], None)
    assert path.client.get("/api/v1/task_instance/999/commands").status_code == 404


def test_a_kill_is_told_again_and_again_until_it_is_acknowledged(path: Path, running: int) -> None:
    """The reference marks a command as sent when it is read: one lost reply, and the job runs on."""
    asked = ask(path, running)
    for _ in range(3):
        assert [one["command_id"] for one in told(path, running)] == [asked]
    path.beat(running, acknowledged=[{"command_id": asked}])
    path.error(running)
    assert commands(path, running)[0]["num_deliveries"] == 3
