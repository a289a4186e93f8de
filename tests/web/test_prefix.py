"""Pages below a path of a reverse proxy: PULSE_PUBLIC_URL with a path."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.server.serving import serving
from tests.web.browser import Pages
from tests.web.prefix_proxy import prefix_proxy


@pytest.mark.slow
@pytest.mark.usefixtures("built")
def test_pages_below_a_path_request_nothing_outside_of_it(browser: Browser, tmp_path: Path) -> None:
    with (
        prefix_proxy("/ops/pulse") as proxy,
        serving(tmp_path / "data", PULSE_PUBLIC_URL=proxy.url) as server,
    ):
        proxy.upstream = server.url
        pages = Pages(browser, proxy.url)
        # Without a session the pages ask who is signed in, and the browser logs that 401.
        pages.faults.expect(r"status of 401 .*/sign-in")
        for path in ("/", "/p/none/calls"):
            page = pages.open(proxy.url + path)
            page.wait_for_selector("h1")
        pages.close()
    assert proxy.outside == []
    assert pages.faults.unexpected == []
