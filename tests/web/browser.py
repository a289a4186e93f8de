"""Pages of the system's Chromium that record what a page must never do, and the checks of axe-core."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Request, sync_playwright

from pulse_web.assets import Assets, NotBuilt

ROOT = Path(__file__).parents[2]

ColorScheme = Literal["light", "dark"]

#: WCAG 2.0 to 2.2, levels A and AA, and best practices.
_AXE_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")
#: Runs every rule of the tags, also those that axe-core turns off by default; no experimental ones.
_AXE_RUN = """async (tags) => {
  await Promise.all(document.getAnimations().map(({finished}) => finished.catch(() => null)));
  const left_out = ["experimental", "deprecated"];
  const rules = axe.getRules(tags).filter(({tags}) => !left_out.some((tag) => tags.includes(tag)));
  const {violations} = await axe.run(document, {
    runOnly: {type: "rule", values: rules.map(({ruleId}) => ruleId)},
    resultTypes: ["violations"],
  });
  return violations.flatMap(({id, help, nodes}) =>
    nodes.map(({html, failureSummary}) => `${id}: ${help}\\n  ${html.slice(0, 300)}\\n  ${failureSummary}`));
}"""
_REPORT_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy violated: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));"""


def find_chromium() -> Path | None:
    """Return the program of the browser: the setting CHROMIUM, or the first on PATH; None without one."""
    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    for name in filter(None, names):
        if (found := shutil.which(name)) is not None:
            return Path(found)
    return None


def chromium() -> Path:
    """Return the program of the browser. Without one the test is skipped; with `CI` set it fails."""
    if (found := find_chromium()) is not None:
        return found
    reason = "no Chromium found: install it, or set CHROMIUM to its program"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def running_browser() -> Generator[Browser]:
    """Run the system's Chromium without a window."""
    program = chromium()
    # Chromium's sandbox needs a user other than root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=arguments)
        yield running
        running.close()


def require_built_pages() -> None:
    """Skip the test if the pages are not built; fail it if `CI` is set."""
    try:
        Assets().manifest()
    except NotBuilt as error:
        if os.environ.get("CI"):
            pytest.fail(error.detail)
        pytest.skip(error.detail)


class Faults:
    """What the pages of one test did that no page may do."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.found: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def expect(self, pattern: str) -> None:
        """Allow faults that contain the pattern: a test that refuses a request expects its console error."""
        self._expected.append(re.compile(pattern))

    @property
    def unexpected(self) -> list[str]:
        """Return the faults that no pattern allows."""
        return [fault for fault in self.found if not any(known.search(fault) for known in self._expected)]

    def watch(self, context: BrowserContext) -> None:
        """Record the faults of all pages of a context."""
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("request", self._request)
        context.on("page", self._page)

    def _page(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", self._error)

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "about:")):
            self.found.append(f"request to another origin: {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.found.append(f"console error: {message.text} {message.location.get('url', '')}")

    def _error(self, error: Error) -> None:
        self.found.append(f"uncaught error or rejection: {error}")


class Pages:
    """Opens pages in contexts of their own: without cookies and storage of another."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.url = url
        self.faults = Faults(url)
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def open(
        self,
        path: str | None = None,
        *,
        key: str | None = None,
        size: tuple[int, int] = (1440, 900),
        color_scheme: ColorScheme = "light",
        **options: Any,
    ) -> Page:
        """Return a page of a new context, at the path if it is given.

        With a key the context has a session of it. `options` are those of the context; the zone is Berlin's
        unless they name one.
        """
        context = self._browser.new_context(
            base_url=self.url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=color_scheme,
            locale="en-GB",
            timezone_id=options.pop("timezone_id", "Europe/Berlin"),
            **options,
        )
        self._contexts.append(context)
        self.faults.watch(context)
        if key is not None:
            sign_in(context, self.url, key)
        page = context.new_page()
        if path is not None:
            page.goto(path)
        return page

    def close(self) -> None:
        """Close all contexts."""
        for context in self._contexts:
            context.close()


def sign_in(context: BrowserContext, url: str, key: str) -> None:
    """Give a context the session of an API key. `url` is that of the pages, without a slash at its end."""
    origin = "/".join(url.split("/")[:3])
    answer = context.request.post(f"{url}/sign-in", data={"key": key}, headers={"Origin": origin})
    assert answer.status == 204, answer.text()


@cache
def _axe_source() -> str:
    path = ROOT / "query_api/web/node_modules/axe-core/axe.min.js"
    if not path.exists() and not os.environ.get("CI"):
        pytest.skip("no axe-core: run make setup with access to an npm registry")
    return path.read_text()


def axe(page: Page) -> Sequence[str]:
    """Return the findings of axe-core in a page, empty if there are none."""
    # The protocol's evaluation is not subject to the page's Content-Security-Policy.
    page.evaluate(f"() => {{ {_axe_source()} }}")
    return page.evaluate(_AXE_RUN, list(_AXE_TAGS))
