"""A page opened in Debian's Chromium, driven by Playwright, from file://, with every request noted."""

import os
import shutil
from contextlib import contextmanager

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium")
GRID = """() => [...document.querySelectorAll('#matrix-grid tbody tr')].map(
    row => [...row.querySelectorAll('.cell span')].map(cell => cell.textContent))"""
TABLE = """id => [...document.querySelectorAll(`#${id} tbody tr`)].map(
    row => [...row.children].map(cell => cell.textContent))"""
PLOTTED = """id => [...document.querySelectorAll(`#${id} .chart`)].map(
    chart => chart.data.map(trace => ({x: [...trace.x], y: [...trace.y], text: [...trace.text ?? []]})))"""


@contextmanager
def launched():
    """A browser; without one the test is skipped, unless CROSSGEN_BROWSER=require: then that is a failure."""
    if CHROMIUM is None:
        reason = "no chromium on the PATH (Debian: apt install chromium)"
        pytest.fail(reason) if os.environ.get("CROSSGEN_BROWSER") == "require" else pytest.skip(reason)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Visit:
    """One opened page, and all that it asked for or complained of."""

    def __init__(self, browser, path, **context):
        self.context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | context))
        self.page, self.heard, self.asked = self.context.new_page(), [], []
        self.page.on("console", lambda message: self.heard.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.heard.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.heard.append("dialog"), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.address = path.as_uri()
        self.page.goto(self.address)
        if context.get("java_script_enabled", True):
            self.page.wait_for_selector("html[data-drawn]")

    def choose(self, id, value):
        self.page.select_option(f"#{id}", value)

    def options(self, id):
        return self.page.eval_on_selector_all(f"#{id} option", "all => all.map(one => one.value)")

    def read(self, script, argument=None):
        return self.page.evaluate(script, argument)

    def until(self, script):
        """Wait for a truth; Playwright's own waiting evaluates strings, which the page's policy forbids."""
        for _ in range(200):
            if self.page.evaluate(script):
                return
            self.page.wait_for_timeout(20)
        pytest.fail(f"never true: {script}")

    def close(self):
        self.context.close()
        assert self.heard == []
        assert [url for url in self.asked if not url.startswith("data:")] == [self.address]
