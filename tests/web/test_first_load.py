"""Budgets of the first load: bytes and requests, headers as a browser receives them, accessibility."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Page, Response
from tests.server.serving import Serving
from tests.web.browser import ColorScheme, Pages, axe
from tests.web.test_pages import PAGE_HEADERS

from pulse_web.assets import Assets

_FIRST_LOAD_BYTES = 60_000
_FIRST_LOAD_REQUESTS = 6
_LATER_FILE_BYTES = 25_000

ADDRESSES = ["/", "/p/none/home", "/p/none/calls"]


def first_load(page: Page, path: str) -> list[Response]:
    """Open a page and return the responses that are no data."""
    responses: list[Response] = []
    page.on("response", lambda response: responses.append(response))
    page.goto(path, wait_until="networkidle")
    return [response for response in responses if not _is_data(response.url)]


def assert_within_budget(loaded: Sequence[Response]) -> None:
    assert [response.status for response in loaded] == [200] * len(loaded)
    assert len({response.url for response in loaded}) <= _FIRST_LOAD_REQUESTS
    sizes = {response.url: len(gzip.compress(response.body(), 9)) for response in loaded}
    assert sum(sizes.values()) <= _FIRST_LOAD_BYTES, sizes


def _is_data(url: str) -> bool:
    path = f"/{url.split('/', 3)[3]}"
    return "/v1/" in path or path == "/sign-in"


@pytest.mark.parametrize("path", ADDRESSES)
def test_first_load_is_within_its_budget(pages: Pages, path: str) -> None:
    assert_within_budget(first_load(pages.open(), path))


def test_first_load_of_calls_is_within_its_budget(pages: Pages, server: Serving, project: str) -> None:
    page = pages.open(key=server.key)
    loaded = first_load(page, f"{project}/calls")
    page.wait_for_selector('[role="row"][aria-rowindex="2"]')
    assert_within_budget(loaded)
    assert pages.faults.found == []


def test_first_load_of_home_is_within_its_budget(pages: Pages, server: Serving, project: str) -> None:
    page = pages.open(key=server.key)
    loaded = first_load(page, f"{project}/home")
    page.wait_for_selector(".tiles .asked")
    assert_within_budget(loaded)
    assert pages.faults.found == []


def test_files_loaded_later_are_within_their_budget(built: Path) -> None:
    manifest = Assets(built).manifest()
    first = {manifest.script, *manifest.preload, *manifest.styles, manifest.icon}
    sizes = {
        name: len(gzip.compress((built / name).read_bytes(), 9))
        for name in manifest.files
        if name not in first
    }
    assert {name: size for name, size in sizes.items() if size > _LATER_FILE_BYTES} == {}


def test_build_has_all_codings_of_every_larger_file(built: Path) -> None:
    manifest = Assets(built).manifest()
    larger = {name for name in manifest.files if (built / name).stat().st_size > 500}
    assert larger >= {*manifest.preload, *manifest.styles}
    assert [name for name in larger if manifest.files[name] != ["zstd", "br", "gzip"]] == []


def test_first_load_has_one_file_of_shared_modules(built: Path) -> None:
    # More of them, and the budget of requests depends on what pages share.
    assert len(Assets(built).manifest().preload) <= 1


@pytest.mark.parametrize("path", ADDRESSES)
def test_browser_receives_the_headers_of_pages(pages: Pages, path: str) -> None:
    response = first_load(pages.open(), path)[0]
    headers = response.headers
    assert {name: headers[name] for name in PAGE_HEADERS} == PAGE_HEADERS


def test_second_load_transfers_no_file_again(pages: Pages) -> None:
    page = pages.open()
    first_load(page, "/")
    again = first_load(page, "/p/none/calls")
    assets = [response for response in again if "/assets/" in response.url]
    assert assets
    cached = page.evaluate(
        "performance.getEntriesByType('resource').filter(({name}) => name.includes('/assets/'))"
        ".map(({transferSize}) => transferSize)"
    )
    assert set(cached) <= {0}


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_first_page_has_no_accessibility_findings(
    pages: Pages, color_scheme: ColorScheme, width: int
) -> None:
    page = pages.open("/", size=(width, 900), color_scheme=color_scheme)
    page.wait_for_selector("h1")
    assert axe(page) == []
