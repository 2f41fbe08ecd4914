"""Sessions of the pages: how they begin, what they allow, and when they end."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobmon_client.states import Scope
from jobmon_server.actions.admin import sessions
from jobmon_server.actions.admin.tokens import revoke_token
from jobmon_server.db.core.transaction import Database
from jobmon_server.routes.http import authentication
from tests.support.tokens import caller, guarded, make_token

HOST = "localhost:5070"
OURS = {"Host": HOST, "Origin": f"http://{HOST}"}
COOKIE = "jobmon_session_5070"


@pytest.fixture
def app(database: Database, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The application, which asks for a token and asks the database each time."""
    monkeypatch.setattr(authentication, "KEEP_SECONDS", 0.0)
    return guarded(database)


def looks(client: FlaskClient, host: str = HOST) -> int:
    """What a browser gets that looks at a list."""
    return client.get("/ui/workflows", headers={"Host": host}, base_url=f"http://{host}").status_code


def code_of(app: Flask, token: str) -> str:
    """The path that `jobmon ui` prints."""
    path: str = caller(app, token).post("/api/v1/page_code").get_json()["path"]
    return path


def open_(client: FlaskClient, path: str, **options: Any) -> Any:
    """Open a path in a browser."""
    return client.open(path, base_url=f"http://{HOST}", **options)


def sign_in(client: FlaskClient, token: str, **changed: Any) -> Any:
    """Fill in the form."""
    page = open_(client, "/ui/login").text
    (csrf,) = re.findall(r'name="csrf_token" value="([^"]+)"', page)
    options = {"headers": OURS, "data": {"token": token, "csrf_token": csrf}, **changed}
    return open_(client, "/ui/login", method="POST", **options)


def test_a_code_begins_one_session(app: Flask, database: Database) -> None:
    path = code_of(app, make_token(database, Scope.VIEWER))
    assert re.fullmatch(r"/ui/enter\?code=[\w-]{43}", path)
    browser, thief = app.test_client(), app.test_client()
    entered = open_(browser, path)
    assert (entered.status_code, entered.location) == (302, "/ui/workflows")
    (cookie,) = entered.headers.getlist("Set-Cookie")
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert looks(browser) == 200
    assert open_(thief, path).status_code == 401
    assert looks(thief) == 401


def test_a_code_leads_to_its_workflow_and_nowhere_else(app: Flask, database: Database) -> None:
    token = make_token(database, Scope.VIEWER)
    for asked, led in (("7", "/ui/workflow/7"), ("//evil.example", "/ui/workflows"), ("0", "/ui/workflows")):
        entered = open_(app.test_client(), f"{code_of(app, token)}&workflow={asked}")
        assert entered.location == led


def test_a_code_is_good_for_a_minute(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., object]
) -> None:
    assert sessions.CODE_SECONDS == 60
    monkeypatch.setattr(sessions, "CODE_SECONDS", -1.0)
    assert open_(app.test_client(), code_of(app, make_token(database, Scope.VIEWER))).status_code == 401


def test_a_session_is_no_token(app: Flask, database: Database) -> None:
    browser = app.test_client()
    open_(browser, code_of(app, make_token(database, Scope.OPERATOR)))
    held = browser.get_cookie(COOKIE, path="/ui")
    assert held is not None
    assert caller(app, held.value).get("/api/v1/workflow").status_code == 401
    cookie = {"Cookie": f"{COOKIE}={held.value}", "Host": HOST}
    assert app.test_client().get("/api/v1/workflow", headers=cookie).status_code == 401
    assert app.test_client().post("/ui/workflows", headers=cookie).status_code in {401, 405}


def test_a_session_ends_with_its_token(app: Flask, database: Database) -> None:
    browser = app.test_client()
    open_(browser, code_of(app, make_token(database, Scope.VIEWER, name="ann")))
    assert looks(browser) == 200
    database.transact(revoke_token, "ann")
    assert looks(browser) == 401


def test_a_session_ends_when_its_token_expires(
    app: Flask, database: Database, eventually: Callable[..., object]
) -> None:
    browser = app.test_client()
    open_(browser, code_of(app, make_token(database, Scope.VIEWER, expires=2.0)))
    eventually(lambda: looks(browser) == 401, 20)


def test_a_session_has_its_tokens_scopes(app: Flask, database: Database) -> None:
    browser = app.test_client()
    assert sign_in(browser, make_token(database, name="nothing")).status_code == 302
    assert looks(browser) == 403


def test_a_session_is_of_one_port(app: Flask, database: Database) -> None:
    browser = app.test_client()
    open_(browser, code_of(app, make_token(database, Scope.VIEWER)))
    assert looks(browser, "localhost:5071") == 401
    assert looks(browser) == 200


def test_logging_out_ends_it_for_whoever_has_it(app: Flask, database: Database) -> None:
    browser = app.test_client()
    open_(browser, code_of(app, make_token(database, Scope.VIEWER)))
    held = browser.get_cookie(COOKIE, path="/ui")
    assert held is not None
    open_(browser, "/ui/logout")
    cookie = {"Cookie": f"{COOKIE}={held.value}", "Host": HOST}
    assert app.test_client().get("/ui/workflows", headers=cookie).status_code == 401


def test_the_form_keeps_a_session_and_never_the_token(app: Flask, database: Database) -> None:
    token = make_token(database, Scope.VIEWER)
    browser = app.test_client()
    taken = sign_in(browser, token)
    assert (taken.status_code, token in str(taken.headers)) == (302, False)
    assert looks(browser) == 200
    refused = sign_in(app.test_client(), "jm_nobodys")
    assert (refused.status_code, "no such token" in refused.text) == (401, True)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"headers": {"Host": HOST}}, 403),
        ({"headers": {"Host": HOST, "Origin": "null"}}, 403),
        ({"headers": {"Host": HOST, "Origin": "http://evil.example"}}, 403),
        ({"data": {"token": "T"}}, 403),
        ({"data": {"token": "T", "csrf_token": "guessed"}}, 403),
        ({"data": "token=T", "content_type": "text/plain"}, 415),
    ],
)
def test_a_form_is_taken_from_our_own_pages_alone(
    app: Flask, database: Database, changed: dict[str, Any], status: int
) -> None:
    refused = sign_in(app.test_client(), make_token(database, Scope.VIEWER), **changed)
    assert refused.status_code == status
    assert "Set-Cookie" not in refused.headers


def test_no_cache_keeps_a_page(app: Flask, database: Database) -> None:
    browser = app.test_client()
    open_(browser, code_of(app, make_token(database, Scope.VIEWER)))
    for path in ("/ui/workflows", "/ui/login", "/ui/", "/ui/workflow/7", "/ui/enter", "/ui/logout"):
        assert open_(browser, path).headers["Cache-Control"] == "no-store", path


def test_the_bare_address_leads_to_the_form(app: Flask) -> None:
    led = open_(app.test_client(), "/ui", follow_redirects=True)
    assert (led.mimetype, "csrf_token" in led.text) == ("text/html", True)
