"""What a person does in a browser, and what he waits for."""

from __future__ import annotations

from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE = 30.0


def press(browser: WebDriver, selector: str) -> None:
    """Click what leads to another page, and wait until this one is gone."""
    here = browser.find_element(By.TAG_NAME, "html")
    browser.find_element(By.CSS_SELECTOR, selector).click()
    WebDriverWait(browser, PATIENCE).until(staleness_of(here))


def follow(browser: WebDriver, text: str) -> None:
    """Click a link by its text, and wait until this page is gone."""
    here = browser.find_element(By.TAG_NAME, "html")
    browser.find_element(By.LINK_TEXT, text).click()
    WebDriverWait(browser, PATIENCE).until(staleness_of(here))
