"""A real browser, one for all tests; each test gets it without cookies."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webdriver import WebDriver

from jobmon_client.api.client import Api
from jobmon_client.http import Http
from tests.support.path import Path
from tests.support.remote import Remote
from tests.support.server import LiveServer

QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """Debian's Chromium, driven by its own driver."""
    found = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    assert all(found.values()), f"the pages are tested in a real browser; install what is missing: {found}"
    options = Options()
    options.binary_location = found["chromium"] or ""
    for flag in (*QUIET, "--window-size=1400,1000", f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(found["chromedriver"]))
    driver.set_page_load_timeout(30)
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: WebDriver) -> WebDriver:
    """The browser, as nobody has used it."""
    chromium.delete_all_cookies()
    return chromium


@pytest.fixture
def signed_in(browser: WebDriver, live_server: LiveServer) -> WebDriver:
    """The browser with a session of whoever started the server."""
    with Api(Http(live_server.url, budget=10)) as api:
        browser.get(live_server.url + api.page_code()["path"])
    return browser


@pytest.fixture
def path(live_server: LiveServer) -> Path:
    """The main path against the server whose pages are looked at."""
    return Path(Remote(live_server.url))
