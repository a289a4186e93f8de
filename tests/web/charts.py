"""Helpers of the tests of pages with charts: addresses, requests, and the rows behind figures."""

from __future__ import annotations

import math
import re
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from playwright.sync_api import Page
from tests.server.serving import Serving
from tests.web.browser import ColorScheme, Pages
from tests.web.figures import Figure, figures, reads_as
from tests.web.formulas import evaluate

#: Narrow no-break space: between groups of three digits, and before units.
_THIN = "\u202f"


def open_page(
    pages: Pages,
    store: Serving,
    path: str,
    *,
    size: tuple[int, int] = (1440, 900),
    scheme: ColorScheme = "light",
    **options: Any,
) -> Page:
    """Open a path below the store's project, with a session of it."""
    (row,) = store.get("/v1/traces", limit="1", operation="all", counted="all")["traces"]
    page = pages.open(key=store.key, size=size, color_scheme=scheme, **options)
    page.set_default_timeout(10_000)
    page.goto(f"/p/{row['project_id']}/{path}")
    return page


def values(page: Page) -> dict[str, str]:
    """Return the values of the page's address."""
    return {name: found[0] for name, found in parse_qs(urlsplit(page.url).query).items()}


def asked_request(page: Page) -> str:
    """Return the request that the open reason of a figure shows."""
    text = page.locator(".why .request code").inner_text()
    assert text.startswith("GET /v1/"), text
    return text.removeprefix("GET ")


def answer(store: Serving, request: str) -> dict[str, Any]:
    """Send a request that a page shows, with the key of the store's project."""
    parts = urlsplit(request)
    return store.get(parts.path, **dict(parse_qsl(parts.query)))


def rows(store: Serving, query: dict[str, str]) -> list[dict[str, Any]]:
    """Return all rows of the list with these filters."""
    found: list[dict[str, Any]] = []
    while True:
        page = store.get("/v1/traces", **query, limit="1000", offset=str(len(found)))["traces"]
        found += page
        if len(page) < 1000:
            return found


def number(text: str) -> float:
    """Return the first number in a text of a page."""
    match = re.search(r"\d[\d.]*", text.replace(_THIN, ""))
    assert match is not None, text
    return float(match[0])


def range_of(request: str) -> dict[str, str]:
    """Return the parameters of a request that select its range."""
    query = dict(parse_qsl(urlsplit(request).query))
    return {name: query[name] for name in ("date_from", "date_to")}


def assert_figures_follow(page: Page, store: Serving) -> list[Figure]:
    """Fail unless every figure reads as its exact value, and the request that it names gives it."""
    found = figures(page).all
    for figure in found:
        assert reads_as(figure.text, figure), f"{figure.name} does not read as {figure.value}"
        given = evaluate(figure.formula, answer(store, figure.request))
        if figure.value is None or isinstance(figure.value, str):
            assert figure.value == given, figure.name
        else:
            assert given is not None, figure.name
            assert math.isclose(float(figure.value), float(given), rel_tol=1e-12), figure.name
    return found


def settle(page: Page) -> None:
    """Wait for the end of animations: colours of parts that are fading in have no contrast yet."""
    page.evaluate("Promise.all(document.getAnimations().map(({finished}) => finished))")
