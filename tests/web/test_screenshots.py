"""The screenshots of the README can be made from the demo's data."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.web.screenshots import THEMES, write_readme_pictures

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("built")]


def test_pictures_of_the_readme_show_the_demo(browser: Browser, tmp_path: Path) -> None:
    paths = list(write_readme_pictures(browser, tmp_path))
    assert [path.name for path in paths] == [f"calls-{theme}.png" for theme in THEMES]
    light, dark = (path.read_bytes() for path in paths)
    assert light != dark
    # An empty page has less than 20 kB.
    assert min(len(light), len(dark)) > 60_000
