"""Write screenshots of every page in both themes and two widths: `make screenshots`.

    python -m tests.web.screenshots FOLDER [--readme FOLDER]

The pages show the invented traffic of `sample_traffic`, those for the README the data of `pulse demo`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, Page
from tests.server.serving import Serving, serving
from tests.web.browser import running_browser, sign_in
from tests.web.conftest import send
from tests.web.sample_traffic import sample_requests

Theme = Literal["light", "dark"]

THEMES: tuple[Theme, ...] = ("light", "dark")
SIZES = ((1440, 900), (390, 844))
#: A page is complete once it has shown this long no new content.
_SETTLED_MS = 400


def main() -> None:
    """Write the screenshots into the folders of the command line."""
    parser = argparse.ArgumentParser(prog="make screenshots")
    parser.add_argument("folder", type=Path, help="folder for the screenshots of all pages")
    parser.add_argument("--readme", type=Path, help="folder for the pictures of the README")
    arguments = parser.parse_args()
    with running_browser() as browser:
        with tempfile.TemporaryDirectory() as data_dir, serving(Path(data_dir) / "data") as server:
            for request in sample_requests(time.time_ns(), days=8):
                send(server, "/v1/traces", request)
            for path in write_pages(browser, server, arguments.folder):
                print(path, flush=True)
        if arguments.readme is not None:
            for path in write_readme_pictures(browser, arguments.readme):
                print(path, flush=True)


def write_pages(
    browser: Browser, server: Serving, folder: Path, themes: tuple[Theme, ...] = THEMES
) -> Iterator[Path]:
    """Write a file per page, theme and width, such as `home-dark-390.png`; yield each path."""
    folder.mkdir(parents=True, exist_ok=True)
    for theme in themes:
        for width, height in SIZES:
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
            yield _write(context, server.url, "sign-in", folder / f"sign-in-{theme}-{width}.png")
            sign_in(context, server.url, server.key)
            for name, path in _paths(server).items():
                yield _write(context, f"{server.url}{path}", name, folder / f"{name}-{theme}-{width}.png")
            context.close()


def _paths(server: Serving) -> dict[str, str]:
    """Return the address of each page by name, with a call and a trace that have failures."""
    call = server.get("/v1/traces", limit="1", sort="tokens", date_from=_days_ago(7))["traces"][0]
    tree = server.get("/v1/trees", limit="1", status="error")["trees"][0]
    start = f"/p/{call['project_id']}"
    return {
        "home": f"{start}/home?range=7d",
        "calls": f"{start}/calls?range=7d",
        "call": f"{start}/calls?{urlencode({'range': '7d', 'call': call['trace_id']})}",
        "failed-calls": f"{start}/calls?range=7d&status=error",
        "no-calls": f"{start}/calls?range=7d&model=unknown",
        "traces": f"{start}/traces?range=7d",
        "trace": f"{start}/traces/{tree['otel_trace_id']}",
        "errors": f"{start}/errors?range=7d",
    }


def _days_ago(days: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days * 86400))


def write_readme_pictures(browser: Browser, folder: Path) -> Iterator[Path]:
    """Write the list of calls of `pulse demo` with an open call, in both themes; yield each path."""
    folder.mkdir(parents=True, exist_ok=True)
    with _demo() as shown:
        # The link works once, so both themes are taken of one session.
        context = browser.new_context(viewport={"width": 1440, "height": 810}, color_scheme="light")
        page = context.new_page()
        page.goto(shown["signIn"])
        page.wait_for_url("**/p/**")
        project_path = "/".join(page.url.split("/")[:5])
        call = next(row for row in shown["traces"] if row["provider"] == "anthropic")
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            yield _write_page(
                page, f"{project_path}/calls?range=1h&call={call['trace_id']}", folder / f"calls-{theme}.png"
            )
        context.close()


@contextmanager
def _demo() -> Generator[dict[str, Any]]:
    """Run `pulse demo --keep`; yield what it prints as JSON: recorded data, URL and sign-in link."""
    command = [Path(sys.executable).with_name("pulse"), "demo", "--keep", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            recorded, kept = (json.loads(process.stdout.readline()) for _ in range(2))
            yield {**recorded, **kept}
        finally:
            # Not SIGINT, which a shell's background jobs ignore.
            process.terminate()


def _write(context: BrowserContext, url: str, name: str, path: Path) -> Path:
    page = context.new_page()
    try:
        return _write_page(page, url, path)
    finally:
        page.close()


def _write_page(page: Page, url: str, path: Path) -> Path:
    page.goto(url, wait_until="networkidle")
    page.wait_for_timeout(_SETTLED_MS)
    page.screenshot(path=path, animations="disabled", caret="hide")
    return path


if __name__ == "__main__":
    main()
