"""Pages of a server that asks for tokens: a browser keeps one in a cookie, and may look."""

from __future__ import annotations

from pathlib import Path as File

import pytest
import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from jobmon_client.states import Scope
from jobmon_server.db.core.transaction import Database
from tests.server.pages.hands import press
from tests.support.server import LiveServer, serve
from tests.support.tokens import make_token

pytestmark = pytest.mark.timeout(120)


def log_in(browser: WebDriver, server: LiveServer, token: str) -> None:
    """Give a token as a person does."""
    browser.get(f"{server.url}/ui/workflows")
    browser.find_element(By.NAME, "token").send_keys(token)
    press(browser, "button")


def test_who_has_a_token_may_look_and_no_more(
    browser: WebDriver, database: Database, database_url: str, tmp_path: File
) -> None:
    token = make_token(database, Scope.VIEWER)
    with serve(database_url, tmp_path, "--auth") as server:
        log_in(browser, server, "jm_nobodys")
        assert "no such token" in browser.find_element(By.CSS_SELECTOR, "[role=alert]").text

        log_in(browser, server, token)
        assert browser.find_element(By.TAG_NAME, "h1").text == "Workflows"
        cookies = browser.get_cookies()
        assert len(cookies) == 2, "of the session, and of the form"
        assert all(cookie["httpOnly"] and cookie["sameSite"] == "Strict" for cookie in cookies)

        held = {cookie["name"]: cookie["value"] for cookie in cookies}
        assert requests.get(f"{server.url}/api/v1/workflow", cookies=held, timeout=10).status_code == 401
        assert requests.post(f"{server.url}/ui/workflows", cookies=held, timeout=10).status_code in {401, 405}

        browser.get(f"{server.url}/ui/logout")
        browser.get(f"{server.url}/ui/workflows")
        assert browser.find_elements(By.NAME, "token")
