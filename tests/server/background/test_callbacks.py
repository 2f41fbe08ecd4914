"""What is posted to a workflow's callback URL: each end of it, until it was taken, and never in anybody's way."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.engine import Connection

from jobmon_server.actions.admin import outbox as actions
from jobmon_server.app import create_app
from jobmon_server.background.http_post import Undelivered, post
from jobmon_server.background.webhooks import WebhookJob
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables_control import callback
from jobmon_server.errors import ConfigurationError
from jobmon_server.ssrf_guard import ForbiddenTargets
from tests.support.path import Path, task
from tests.support.receiver import BABBLE, DRIP, DROP, Receiver

SETTINGS = Settings(callback_timeout=1.0, callback_attempts=3, callback_delay=0.01)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def courier(database: Database) -> WebhookJob:
    return WebhookJob(database, SETTINGS, threading.Event())


def over(path: Path, url: str, **facts: Any) -> Path:
    """A workflow that is DONE."""
    path.bind(task("a"), callback_url=url, **facts).start()
    path.done(path.run_one())
    return path


def callbacks(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = path.get(f"/workflow/{path.workflow_id}/callbacks")["callbacks"]
    return found


def told(path: Path) -> list[tuple[str, str, int]]:
    return [(one["workflow_status"], one["status"], one["attempts"]) for one in callbacks(path)]


def test_the_end_of_a_workflow_is_posted_once(path: Path, courier: WebhookJob, receiver: Receiver) -> None:
    over(path, receiver.url, client_id="me", request_id="r1")
    assert (told(path), path.workflow()["callback_status"]) == ([("DONE", "PENDING", 0)], "PENDING")
    assert (courier.step(), courier.step()) == (1, 0)
    (got,) = receiver.got
    (known,) = callbacks(path)
    assert got.path == "/news?of=jobmon"
    assert got.headers["Idempotency-Key"] == f"jobmon-callback-{known['callback_id']}"
    assert got.headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert got.body == {
        "callback_id": known["callback_id"],
        "workflow_id": path.workflow_id,
        "name": "a workflow",
        "status": "DONE",
        "client_id": "me",
        "request_id": "r1",
        "tasks": {"DONE": 1},
        "finished_at": path.workflow()["finished_at"],
    }
    assert (known["status"], known["attempts"], known["last_error"]) == ("DELIVERED", 1, None)
    assert (known["next_try_at"], known["delivered_at"] >= known["created_at"]) == (None, True)
    assert path.workflow()["callback_status"] == "DELIVERED"


def test_without_a_callback_url_there_is_nothing_to_tell(path: Path, courier: WebhookJob) -> None:
    path.bind(task("a")).start()
    path.done(path.run_one())
    assert (callbacks(path), path.workflow()["callback_status"], courier.step()) == ([], None, 0)


def test_every_status_that_somebody_waits_for_is_told(
    path: Path, courier: WebhookJob, receiver: Receiver
) -> None:
    path.bind(task("a", max_attempts=1), task("b", max_attempts=1), callback_url=receiver.url).start()
    path.post(f"/workflow_run/{path.run_id}/terminate")
    path.start(resume="cold")
    path.error(path.run_one())
    path.error(path.run_one())
    path.act("retry", "a")
    path.act("stop", "a")
    path.act("rerun", "b")
    path.act("stop", "b")
    path.act("rerun")
    path.start(resume="cold")
    path.done(path.run_one())
    path.done(path.run_one())
    eventually_told = [one["workflow_status"] for one in callbacks(path)]
    courier.step()
    assert sorted(receiver.statuses) == sorted(eventually_told)
    assert set(eventually_told) == {"HALTED", "FAILED", "STOPPED", "DONE"}
    assert (eventually_told[0], eventually_told[-1]) == ("HALTED", "DONE")


@pytest.mark.parametrize("failure", [500, 404, 302, DROP, BABBLE])
def test_what_is_not_taken_is_posted_again_later(
    path: Path, courier: WebhookJob, receiver: Receiver, eventually: Callable[..., Any], failure: int
) -> None:
    receiver.script.extend([failure, failure])
    over(path, receiver.url)
    assert courier.step() == 0
    (known,) = callbacks(path)
    assert (known["status"], known["attempts"]) == ("PENDING", 1)
    assert known["last_error"]
    assert known["next_try_at"] > known["created_at"]
    eventually(courier.step)
    assert told(path) == [("DONE", "DELIVERED", 3)]
    assert len({one.headers["Idempotency-Key"] for one in receiver.got}) == 1
    assert {one.path for one in receiver.got} == {"/news?of=jobmon"}


def test_it_is_given_up_after_so_many_tries_until_somebody_wants_more(
    path: Path, courier: WebhookJob, receiver: Receiver, eventually: Callable[..., Any]
) -> None:
    receiver.script.extend([503] * 3)
    over(path, receiver.url)

    def is_given_up() -> bool:
        courier.step()
        return told(path) == [("DONE", "FAILED", 3)]

    eventually(is_given_up)
    assert "503" in callbacks(path)[0]["last_error"]
    assert (courier.step(), len(receiver.got)) == (0, 3)
    again = f"/workflow/{path.workflow_id}/callbacks/{callbacks(path)[0]['callback_id']}/retry"
    assert path.post(again).get_json() == {"outcome": "applied", "status": "PENDING"}
    assert path.post(again).get_json() == {"outcome": "duplicate", "status": "PENDING"}
    assert courier.step() == 1
    refused = path.post(again)
    assert (refused.status_code, refused.get_json()["status"]) == (409, "DELIVERED")


def test_what_is_unknown_is_404(path: Path, receiver: Receiver) -> None:
    over(path, receiver.url)
    of_this = callbacks(path)[0]["callback_id"]
    path.bind(task("a"))
    for reply in (
        path.post(f"/workflow/{path.workflow_id}/callbacks/{of_this}/retry"),
        path.post(f"/workflow/{path.workflow_id}/callbacks/999/retry"),
        path.client.get("/api/v1/workflow/999/callbacks"),
    ):
        assert reply.status_code == 404


def test_what_answers_too_slowly_is_not_waited_for(
    path: Path, courier: WebhookJob, receiver: Receiver
) -> None:
    receiver.script.append(DRIP)
    over(path, receiver.url)
    courier.step()
    assert "timed out" in callbacks(path)[0]["last_error"]


def test_a_slow_receiver_delays_no_report(
    path: Path, courier: WebhookJob, receiver: Receiver, eventually: Callable[..., Any]
) -> None:
    receiver.hold.clear()
    over(path, receiver.url)
    first = path.workflow_id
    posting = threading.Thread(target=courier.step)
    posting.start()
    eventually(receiver.arrived.is_set)
    path.bind(task("a")).start()
    assert path.done(path.run_one()).get_json()["outcome"] == "applied"
    assert path.workflow()["status"] == "DONE"
    assert path.get(f"/workflow/{first}/callbacks")["callbacks"][0]["status"] == "PENDING"
    receiver.hold.set()
    posting.join(10)
    assert path.get(f"/workflow/{first}")["callback_status"] == "DELIVERED"


def test_two_couriers_do_not_post_the_same_at_one_time(
    path: Path, courier: WebhookJob, receiver: Receiver, database: Database, eventually: Callable[..., Any]
) -> None:
    receiver.hold.clear()
    over(path, receiver.url)
    posting = threading.Thread(target=courier.step)
    posting.start()
    eventually(receiver.arrived.is_set)
    assert WebhookJob(database, SETTINGS, threading.Event()).step() == 0
    receiver.hold.set()
    posting.join(10)
    assert (len(receiver.got), told(path)) == (1, [("DONE", "DELIVERED", 1)])


def test_what_a_courier_that_died_had_taken_is_posted_by_the_next(
    path: Path, courier: WebhookJob, receiver: Receiver, database: Database
) -> None:
    over(path, receiver.url)
    callback_id = callbacks(path)[0]["callback_id"]
    taken = database.transact(actions.take, callback_id, 0.0)
    assert taken is not None
    assert courier.step() == 1
    # The dead one's word comes late: it changes nothing.
    database.transact(actions.failed, callback_id, attempt=taken.attempt, error="late", most=3, delay=1.0)
    database.transact(actions.delivered, callback_id)
    assert told(path) == [("DONE", "DELIVERED", 2)]


def test_the_pause_doubles_up_to_an_hour() -> None:
    for attempt, limit in ((1, 2.0), (2, 4.0), (3, 8.0), (12, 3600.0), (100, 3600.0)):
        pauses = [actions.pause(attempt, 2.0) for _ in range(50)]
        assert limit / 2 <= min(pauses) <= max(pauses) <= limit


BAD_URLS = [
    "ftp://example.org/",
    "example.org/news",
    "http://",
    "http://[::1",
    "http://example.org:99999/",
    "http://user:secret@example.org/",
    "http://exämple.org/",
    "http://example.org/a b",
    "",
    "http://169.254.169.254/latest/meta-data",
    "http://[fe80::1]/",
    "http://[::ffff:169.254.1.1]/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://224.0.0.1/",
    "http://[ff02::1]/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "http://[fd00:ec2::254]/latest/meta-data",
    "http://[fd20:ce::254]/",
    "http://100.100.100.200/",
    "http://192.0.0.192/",
    "http://168.63.129.16/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::a9fe:a9fe]/",
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_url_that_is_never_posted_to_is_refused_at_binding(path: Path, url: str) -> None:
    reply = path.post("/workflow", name="w", callback_url=url)
    assert reply.status_code == 422
    assert reply.get_json()["error"]["details"][0]["field"] == "callback_url"
    assert path.get("/workflow")["workflows"] == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
        "http://localhost:1/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://[fd00::1]/",
        "https://example.org",
    ],
)
def test_any_other_url_is_taken(path: Path, url: str) -> None:
    assert path.post("/workflow", name="w", callback_url=url).status_code == 201


@pytest.mark.parametrize(
    "url",
    [url for url in BAD_URLS if url] + ["http://2852039166/", "http://0xa9fea9fe/", "http://169.254.43518/"],
)
def test_a_url_that_came_to_be_known_all_the_same_is_not_posted_to(url: str) -> None:
    with pytest.raises(Undelivered, match=r"BadUrl|nothing is posted to|gaierror"):
        post(url, b"{}", {}, 1.0)


SITE = ("10.0.0.0/8", "fd00::/8", "192.0.2.1", "db.example.org", ".internal")


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        ("http://10.1.2.3/", False),
        ("http://[::ffff:10.1.2.3]/", False),
        ("http://[fd12::1]/", False),
        ("http://192.0.2.1/", False),
        ("http://192.0.2.2/", True),
        ("http://DB.example.org./", False),
        ("http://www.db.example.org/", True),
        ("http://metadata.google.internal/", False),
        ("http://internal/", False),
        ("http://notinternal/", True),
    ],
)
def test_a_site_lists_where_else_nothing_is_posted_to(database: Database, url: str, is_taken: bool) -> None:
    site = Path(create_app(database, Settings(auth="none", callback_forbidden=SITE)).test_client())
    reply = site.post("/workflow", name="w", callback_url=url)
    assert reply.status_code == (201 if is_taken else 422)
    assert is_taken or reply.get_json()["error"]["details"][0]["field"] == "callback_url"


@pytest.mark.parametrize("also", [("127.0.0.0/8", "::1"), ("localhost",)])
def test_what_a_site_forbids_is_not_posted_to_whatever_leads_there(
    receiver: Receiver, also: tuple[str, ...]
) -> None:
    with pytest.raises(Undelivered, match="nothing is posted to"):
        post(f"http://localhost:{receiver.port}/", b"{}", {}, 5.0, ForbiddenTargets.parse(also))
    assert receiver.got == []


@pytest.mark.parametrize("value", ["10.0.0.0/99", "a b", "10.0.0.1/8", "http://host/"])
def test_what_is_no_target_is_no_setting(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"callback_forbidden: .* is not a list of networks"):
        Settings.load({"callback_forbidden": value}, {"HOME": "/"})


def test_the_list_of_callbacks_tells_no_secret_of_a_url(path: Path) -> None:
    over(path, "http://localhost:9/news?key=secret&of=jobmon")
    assert callbacks(path)[0]["url"] == "http://localhost:9/news?key=***&of=***"


def test_where_nobody_listens_is_told(path: Path, courier: WebhookJob, database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    over(path, f"http://localhost:{port}/")
    courier.step()
    assert "refused" in callbacks(path)[0]["last_error"]

    def point_elsewhere(connection: Connection) -> None:
        connection.execute(
            update(callback).values(url="http://169.254.169.254/", next_try_at=callback.c.created_at)
        )

    database.transact(point_elsewhere)
    courier.step()
    assert "169.254.169.254" in callbacks(path)[0]["last_error"]


def test_a_name_that_nobody_has_is_told() -> None:
    with pytest.raises(Undelivered, match="gaierror"):
        post("http://nobody.invalid/", b"{}", {}, 5.0)


def test_tls_that_is_none_is_told(receiver: Receiver) -> None:
    with pytest.raises(Undelivered, match="SSL"):
        post(f"https://127.0.0.1:{receiver.port}/", b"{}", {}, 2.0)


def test_its_callbacks_go_with_a_workflows_page(client: FlaskClient, path: Path, receiver: Receiver) -> None:
    over(path, receiver.url)
    path.act("rerun")
    path.start(resume="cold")
    path.done(path.run_one())
    first = client.get(f"/api/v1/workflow/{path.workflow_id}/callbacks?limit=1").get_json()
    assert len(first["callbacks"]) == 1
    after = f"/api/v1/workflow/{path.workflow_id}/callbacks?after={first['next']}"
    assert [one["workflow_status"] for one in client.get(after).get_json()["callbacks"]][-1] == "DONE"


def test_a_real_server_delivers(live_server: Any, receiver: Receiver, eventually: Callable[..., Any]) -> None:
    from tests.support.remote import Remote

    over(Path(Remote(live_server.url)), receiver.url)
    eventually(lambda: receiver.statuses == ["DONE"])
