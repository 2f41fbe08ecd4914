"""What a person sees in a browser: lists with filters that stay in the address, pages, links, histories."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from tests.server.pages.hands import follow, press
from tests.support.path import Path, task
from tests.support.server import LiveServer

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("signed_in")]
HOSTILE = "<script>document.title = 'taken over'</script>"


def shown(browser: WebDriver, column: str) -> list[str]:
    """What stands in a column of the table."""
    return [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, f"td.{column}")]


def place(browser: WebDriver) -> str:
    """What the page says about how much of the list it shows."""
    return browser.find_element(By.CSS_SELECTOR, ".place").text


def follow_fact(browser: WebDriver, name: str) -> None:
    """Click the link of a fact, in a table or beside its name."""
    press(browser, f"td.{name} a, dd.{name} a")


def test_a_list_is_narrowed_by_statuses_and_names_that_stay_in_the_address(
    browser: WebDriver, live_server: LiveServer, path: Path
) -> None:
    path.bind(task("alpha"), task("beta"), task("gamma"), client_id="ada", request_id="1").start()
    first, second, _ = path.queue()
    for one in (first, second):
        path.claim([one])
        path.running(one)
    path.done(first)
    path.bind(task("delta"), client_id="bob", request_id="1")

    browser.get(f"{live_server.url}/ui/tasks")
    assert place(browser) == "Showing 1–4 of 4"
    assert shown(browser, "name") == ["delta", "gamma", "beta", "alpha"]
    for word in ("DONE", "RUNNING"):
        browser.find_element(By.CSS_SELECTOR, f"input[value={word}]").click()
    browser.find_element(By.NAME, "client_id").send_keys("ada")
    press(browser, "button")

    assert shown(browser, "name") == ["beta", "alpha"]
    assert place(browser) == "Showing 1–2 of 2"
    asked = parse_qs(urlsplit(browser.current_url).query)
    assert asked == {"status": ["RUNNING", "DONE"], "client_id": ["ada"]}
    browser.refresh()
    assert shown(browser, "name") == ["beta", "alpha"]
    checked = [one.get_attribute("value") for one in browser.find_elements(By.CSS_SELECTOR, "input:checked")]
    assert sorted(map(str, checked)) == ["DONE", "RUNNING"]


def test_a_long_list_has_pages_and_an_address_leads_to_any_of_them(
    browser: WebDriver, live_server: LiveServer, path: Path
) -> None:
    path.bind(*(task(f"task {number:03}") for number in range(120)))

    browser.get(f"{live_server.url}/ui/tasks?name=task*")
    assert place(browser) == "Showing 1–50 of 120"
    assert not browser.find_elements(By.LINK_TEXT, "previous")
    follow(browser, "next")
    follow(browser, "next")
    assert place(browser) == "Showing 101–120 of 120"
    assert shown(browser, "name")[-1] == "task 000"
    assert not browser.find_elements(By.LINK_TEXT, "next")
    here = browser.current_url
    follow(browser, "previous")
    assert place(browser) == "Showing 51–100 of 120"

    browser.get(here)
    assert place(browser) == "Showing 101–120 of 120"
    browser.get(f"{live_server.url}/ui/tasks?page=99")
    assert place(browser) == "Showing 0 of 120"


def test_each_row_leads_to_its_page_with_the_history(
    browser: WebDriver, live_server: LiveServer, path: Path
) -> None:
    path.bind(task("breaks", max_attempts=1)).start()
    one = path.run_one()
    path.error(one)

    browser.get(f"{live_server.url}/ui/task_instances?status=ERROR")
    follow_fact(browser, "task_instance_id")

    assert browser.find_element(By.TAG_NAME, "h1").text == "breaks, attempt 1 ERROR"
    assert shown(browser, "to") == ["QUEUED", "INSTANTIATED", "LAUNCHED", "RUNNING", "ERROR"]
    assert "it broke" in browser.find_element(By.TAG_NAME, "main").text
    follow_fact(browser, "task_id")
    assert browser.find_element(By.TAG_NAME, "h1").text == "breaks ERROR_FATAL"
    assert shown(browser, "attempt") == ["1"]
    follow_fact(browser, "workflow_id")
    assert browser.find_element(By.TAG_NAME, "h1").text == "a workflow FAILED"
    follow(browser, "1 ERROR_FATAL")
    assert shown(browser, "name") == ["breaks"]


def test_every_page_has_the_way_to_the_lists(browser: WebDriver, live_server: LiveServer, path: Path) -> None:
    path.bind(task("one")).start()
    (one,) = path.queue()
    pages = (
        *("", "workflows", "tasks", "task_instances", f"workflow/{path.workflow_id}", "workflow/999"),
        *(f"task/{path.task_ids['one']}", f"task_instance/{one}"),
    )

    for page in pages:
        browser.get(f"{live_server.url}/ui/{page}")
        links = browser.find_elements(By.CSS_SELECTOR, "header nav a")
        assert [link.text for link in links] == ["Workflows", "Tasks", "Attempts"], page
    browser.get(f"{live_server.url}/")
    assert browser.current_url == f"{live_server.url}/ui/workflows"


def test_what_cannot_be_asked_is_told_beside_its_name(
    browser: WebDriver, live_server: LiveServer, path: Path
) -> None:
    path.bind(task("one"))

    browser.get(f"{live_server.url}/ui/tasks?status=GONE&workflow_id=x&colour=red&page=0")

    told = browser.find_element(By.CSS_SELECTOR, "[role=alert]").text
    for name in ("status", "workflow_id", "colour", "page"):
        assert name in told
    assert "REGISTERING" in told
    assert not browser.find_elements(By.TAG_NAME, "table")


def test_what_people_wrote_is_text_and_nothing_else(
    browser: WebDriver, live_server: LiveServer, path: Path
) -> None:
    path.bind(task(HOSTILE)).start()
    one = path.run_one()
    path.error(one)

    for page in ("tasks", f"task/{path.task_ids[HOSTILE]}", f"task_instance/{one}"):
        browser.get(f"{live_server.url}/ui/{page}")
        assert HOSTILE in browser.find_element(By.TAG_NAME, "main").text
        assert "taken over" not in browser.title
