"""Every edge of every table is crossed by calls and the reaper: lived through as stories, then counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from jobmon_server.actions.reporting.deadlines import reap
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from jobmon_server.fsm.diagram import MACHINES
from tests.server.fsm.lives import all_lives
from tests.server.routes.api.watched import Crossed, Watched
from tests.support.path import SOON, Path, Reply, task
from tests.support.situations import SITUATIONS, into

#: What was crossed, by kind of database; the last test of this module looks at it.
CROSSED: defaultdict[str, Crossed] = defaultdict(Crossed)
LIVES = {story: seen for seen, story in all_lives(2).items()}


@pytest.fixture
def watched(client: FlaskClient, database: Database) -> Watched:
    """A path that writes down what it sees."""
    crossed = CROSSED[database.engine.dialect.name]
    return Watched(client, reap=lambda: reap(database), crossed=crossed)


def test_an_instance_comes_into_every_situation(watched: Watched, database: Database) -> None:
    watched.bind().start()
    for situation in SITUATIONS:
        into(watched, situation, max_attempts=1)
    watched.read_journals()
    assert database.read(check) == []


#: What ends an instance of each situation, and how.
ENDINGS: dict[str, tuple[str, ...]] = {
    "INSTANTIATED": ("ERROR", "ERROR_FATAL", "NO_DISTRIBUTOR_ID", "running"),
    "LAUNCHED": ("ERROR", "RESOURCE_ERROR", "UNKNOWN_ERROR", "ERROR_FATAL", "reaper"),
    "RUNNING": ("DONE", "ERROR", "RESOURCE_ERROR", "UNKNOWN_ERROR", "ERROR_FATAL", "reaper"),
    "TRIAGING": ("running", "DONE", "ERROR", "RESOURCE_ERROR", "UNKNOWN_ERROR", "ERROR_FATAL", "reaper"),
    "NO_HEARTBEAT": ("ERROR", "RESOURCE_ERROR", "UNKNOWN_ERROR", "ERROR_FATAL", "running", "reaper"),
    "KILL_SELF": ("ERROR_FATAL", "DONE"),
    "KILL_SELF, orphan": ("ERROR_FATAL", "DONE"),
    "KILL_SELF, never held": ("running",),
}


def end(path: Path, one: int, how: str) -> str:
    """End an instance; the outcome."""
    if how == "reaper":
        path.overdue(one)
        return "applied"
    if how == "running":
        reply = path.running(one)
    elif how == "DONE":
        reply = path.done(one)
    elif how == "NO_DISTRIBUTOR_ID":
        reply = path.report(one, "log_no_distributor_id", error_message="no room")
    else:
        reply = path.error(one, how)
    return str(reply.get_json()["outcome"])


@pytest.mark.parametrize("situation", ENDINGS)
def test_an_instance_leaves_a_situation_in_every_way(
    watched: Watched, database: Database, situation: str
) -> None:
    for how in ENDINGS[situation]:
        watched.bind().start()
        (one,) = into(watched, situation) if how != "reaper" else overdue_soon(watched, situation)
        assert end(watched, one, how) == "applied", how
        watched.read_journals()
    assert database.read(check) == []


def overdue_soon(path: Path, situation: str) -> list[int]:
    """An instance in a live situation whose deadline passes at once."""
    path.add(task("silent"))
    (one,) = path.queue()
    path.claim([one], SOON)
    path.launch(one, SOON)
    if situation in {"RUNNING", "TRIAGING"}:
        path.running(one, seconds=SOON)
    if situation in {"TRIAGING", "NO_HEARTBEAT"}:
        path.overdue(one)
    return [one]


@pytest.mark.parametrize("verb", ["stop", "rerun"])
def test_an_operator_takes_an_instance_out_of_every_live_situation(
    watched: Watched, database: Database, verb: str
) -> None:
    watched.bind(task("kept")).start()
    for situation in ("QUEUED", "INSTANTIATED", "LAUNCHED", "RUNNING", "TRIAGING", "NO_HEARTBEAT"):
        (one,) = into(watched, situation)
        assert watched.act(verb, watched.instance(one)["name"])["outcome"] == "applied", situation
    watched.read_journals()
    assert database.read(check) == []


def in_status(path: Path, status: str) -> str:
    """A task of this status that has no live instance; its name."""
    if status == "REGISTERING":
        path.add(task("a"))
        return "a"
    if status == "PAUSED":
        path.add(task("a"))
        path.act("pause", "a")
        return "a"
    if status == "STOPPED":
        path.add(task("a"), task("b"))
        path.act("stop", "a")
        return "a"
    ended = {"ADJUSTING_RESOURCES": "RESOURCE_ERROR"}.get(status, status)
    (one,) = into(path, ended)
    return str(path.instance(one)["name"])


TASK_ACTS = [
    ("REGISTERING", "pause"),
    ("REGISTERING", "stop"),
    ("ADJUSTING_RESOURCES", "pause"),
    ("ADJUSTING_RESOURCES", "stop"),
    ("ADJUSTING_RESOURCES", "rerun"),
    ("ADJUSTING_RESOURCES", "queue"),
    ("PAUSED", "play"),
    ("PAUSED", "stop"),
    ("PAUSED", "rerun"),
    ("DONE", "rerun"),
    ("STOPPED", "rerun"),
    ("ERROR_FATAL", "retry"),
    ("ERROR_FATAL", "rerun"),
]


def test_a_task_without_a_live_instance_is_acted_on(watched: Watched, database: Database) -> None:
    for status, act in TASK_ACTS:
        watched.bind().start()
        name = in_status(watched, status)
        assert watched.status(name) == status
        if act == "queue":
            assert len(watched.queue()) == 1
        else:
            assert watched.act(act, name)["outcome"] == "applied", (status, act)
    assert database.read(check) == []


@pytest.mark.parametrize(
    "story", LIVES, ids=[f"{seen.was}→{seen.to}{' by a person' * seen.operator}" for seen in LIVES.values()]
)
def test_a_workflow_lives_through_every_change_of_the_model(
    watched: Watched, database: Database, story: str
) -> None:
    seen = LIVES[story]
    watched.bind()
    for act in story.split("; "):
        live(watched, act)
    assert watched.workflow()["status"] == seen.to
    assert (seen.was, seen.to) in watched.crossed.edges["workflow"]
    assert database.read(check) == []


def live(path: Watched, act: str) -> None:
    """Do one act of a story of the model."""
    first, *rest = act.split()
    if first.isdigit():
        report(path, f"t{first}", rest[0][-1])
    elif first in SENTENCES:
        SENTENCES[first](path, rest)
    else:
        assert path.act(first, f"t{rest[0]}" if rest else None)["outcome"] == "applied"


def begin(path: Watched, rest: list[str]) -> None:
    """Start, or resume in the way that is named; the owner falls silent at once, so that it can be reaped."""
    path.start(SOON, **({"resume": rest[0]} if rest else {}))


def bind(path: Watched, rest: list[str]) -> None:
    """Bind the tasks up to a number, in one call; the last of them may wait for the first."""
    last = int(rest[0])
    after = ["t0"] if rest[-1] == "[0]" else []
    numbers = range(len(path.task_ids), last + 1)
    path.add(*(task(f"t{number}", *(after if number == last else [])) for number in numbers))


def queue(path: Watched, rest: list[str]) -> None:
    """Queue what is ready; the stories never have two such tasks."""
    assert len(path.queue(limit=1)) == 1


def fall_silent(path: Watched, rest: list[str]) -> None:
    """The owner's deadline has passed long ago."""
    path.reap()
    path.look()


def settle(path: Watched, rest: list[str]) -> None:
    """A settle comes with the report; an empty workflow waits for its run's first heartbeat."""
    if not path.task_ids:
        path.post(f"/workflow_run/{path.run_id}/log_heartbeat", next_report_increment=SOON)


SENTENCES: dict[str, Callable[[Watched, list[str]], object]] = {
    "start": begin,
    "resume": begin,
    "bind": bind,
    "queue": queue,
    "settle": settle,
    "the": fall_silent,
}


def report(path: Watched, name: str, to: str) -> None:
    """Let the current instance of a task go where the model's letter says."""
    one = path.get(f"/task/{path.task_ids[name]}")["task_instance_ids"][-1]
    ways: dict[str, Callable[[], object]] = {
        "I": lambda: path.claim([one]),
        "O": lambda: path.launch(one),
        "R": lambda: path.running(one),
        "D": lambda: path.done(one),
        "G": lambda: path.error(one),
        "A": lambda: path.error(one, "RESOURCE_ERROR"),
        "F": lambda: path.error(one, "ERROR_FATAL"),
    }
    ways[to]()


def beat(path: Path) -> Reply:
    return path.post(f"/workflow_run/{path.run_id}/log_heartbeat", next_report_increment=SOON)


def one_running_and_adopted(path: Path) -> int:
    """An instance that runs under a second run, which is BOUND and silent."""
    path.add(task("a"))
    one = path.run_one()
    path.reap()
    path.start(SOON, resume="hot")
    return one


RUN_STORIES: dict[tuple[str, str], Callable[[Path], object]] = {
    ("BOUND", "RUNNING"): beat,
    ("BOUND", "DONE"): lambda path: path.done(one_running_and_adopted(path)),
    ("BOUND", "ERROR"): lambda path: path.reap(),
    ("BOUND", "STOPPED"): lambda path: path.post(f"/workflow_run/{path.run_id}/terminate"),
    ("BOUND", "TERMINATED"): lambda path: path.start(resume="cold"),
    ("RUNNING", "DONE"): lambda path: (path.add(task("a")), path.done(path.run_one())),
    ("RUNNING", "ERROR"): lambda path: (path.add(task("a")), path.error(path.run_one(), "ERROR_FATAL")),
    ("RUNNING", "STOPPED"): lambda path: (path.add(task("a")), beat(path), path.act("stop")),
    ("RUNNING", "TERMINATED"): lambda path: (path.add(task("a")), beat(path), path.start(resume="hot")),
}


@pytest.mark.parametrize(("was", "to"), RUN_STORIES)
def test_a_run_ends_in_every_way(watched: Watched, database: Database, was: str, to: str) -> None:
    watched.bind().start(SOON)
    RUN_STORIES[was, to](watched)
    watched.look()
    assert (was, to) in watched.crossed.edges["workflow_run"]
    assert database.read(check) == []


def test_every_edge_was_crossed_and_nothing_else(database: Database) -> None:
    """The last one: it counts what the tests above have crossed on this kind of database."""
    crossed = CROSSED[database.engine.dialect.name].edges
    never = {
        name: sorted(
            f"{edge.was}→{edge.to}" for edge in table.edges if (edge.was, edge.to) not in crossed[name]
        )
        for name, table in MACHINES.items()
    }
    assert never == {name: [] for name in MACHINES}
    for name, table in MACHINES.items():
        edges = {(str(edge.was), str(edge.to)) for edge in table.edges}
        assert crossed[name] <= edges, sorted(crossed[name] - edges)
