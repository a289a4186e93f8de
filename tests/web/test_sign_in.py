"""Signing in with a browser: by the link of `pulse open` or a key; ended sessions and other projects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.server.serving import Serving, environ_for, run_pulse, serving
from tests.web.browser import ColorScheme, Pages, axe


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sign-in") / "data"


@pytest.fixture(scope="module")
def store(data_dir: Path) -> Iterator[Serving]:
    """Run a server with an empty project."""
    with serving(data_dir) as running:
        yield running


@pytest.fixture
def pages(browser: Browser, store: Serving, built: object) -> Iterator[Pages]:
    """Open pages; the test fails if one did what no page may do."""
    del built
    opened = Pages(browser, store.url)
    # The answers to a page without a session, and to a wrong secret.
    opened.faults.expect(r"status of 401 .*/(sign-in|v1/)")
    yield opened
    opened.close()
    assert opened.faults.unexpected == []


def sign_in_page(pages: Pages, path: str = "/") -> Page:
    """Open a page without a session."""
    page = pages.open(path)
    page.set_default_timeout(10_000)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    return page


def test_key_opens_the_page_of_the_address(pages: Pages, store: Serving) -> None:
    page = sign_in_page(pages)
    page.get_by_label("Key of a project").fill(store.key)
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/*/home")
    expect(page.locator("h1")).to_have_text("Home")
    link = page.url + "?range=7d"
    other = sign_in_page(pages, link)
    other.get_by_label("Key of a project").fill(store.key)
    other.get_by_role("button", name="Sign in").click()
    expect(other.locator(".range")).to_contain_text("Last 7 days")
    assert other.url == link


@pytest.mark.slow
def test_link_signs_in_once_and_leaves_the_address(pages: Pages, store: Serving, data_dir: Path) -> None:
    done = run_pulse("open", "--no-browser", environ=environ_for(data_dir, store.ports))
    link = done.stdout.splitlines()[0]
    page = pages.open(link)
    page.wait_for_url("**/p/*/home")
    assert "#" not in page.url
    again = sign_in_page(pages, link)
    expect(again.get_by_role("alert")).to_contain_text("was used already")
    assert "#" not in again.url


def test_ended_session_asks_to_sign_in_again_and_keeps_the_address(pages: Pages, store: Serving) -> None:
    page = pages.open("/", key=store.key)
    page.wait_for_url("**/p/*/home")
    expect(page.locator(".empty")).to_be_visible()
    address = page.url
    page.context.clear_cookies()
    page.keyboard.press("r")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Key of a project").fill(store.key)
    page.keyboard.press("Enter")
    expect(page.locator(".empty")).to_be_visible()
    assert page.url == address


def test_wrong_key_is_refused_with_the_reason(pages: Pages) -> None:
    page = sign_in_page(pages)
    page.get_by_label("Key of a project").fill("pulse_sk_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("does not know this key")
    expect(page.get_by_label("Key of a project")).to_have_attribute("aria-invalid", "true")


def test_signing_out_ends_the_session(pages: Pages, store: Serving) -> None:
    page = pages.open("/", key=store.key)
    page.wait_for_url("**/p/*/home")
    page.locator(".project").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_link_of_another_project_asks_for_its_key(pages: Pages, store: Serving) -> None:
    page = pages.open("/p/00000000-0000-4000-8000-000000000000/calls", key=store.key)
    expect(page.locator(".empty")).to_contain_text("does not read this project")
    page.get_by_role("button", name="Add a key").click()
    expect(page.get_by_role("heading", name="Add a key")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".empty")).to_be_visible()


def test_empty_project_says_how_calls_come(pages: Pages, store: Serving) -> None:
    page = pages.open("/", key=store.key)
    expect(page.locator(".empty")).to_contain_text("No span was received yet")
    page.get_by_role("link", name="Calls", exact=True).first.click()
    expect(page.locator(".empty")).to_contain_text("No call was stored yet")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["1440", "390"])
def test_sign_in_has_no_finding_of_axe(pages: Pages, size: tuple[int, int], scheme: ColorScheme) -> None:
    page = pages.open("/", size=size, color_scheme=scheme)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert axe(page) == []
