"""The gates of browser tests notice each fault of a page."""

from __future__ import annotations

import pytest
from tests.web.browser import Pages, axe


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("fetch('http://127.0.0.1:9/x').catch(() => 0)", "policy violated: connect-src http://127.0.0.1:9"),
        ("location.href = 'http://localhost:9/'", "request to another origin: http://localhost:9/"),
        ("document.body.innerHTML = '<b>x'", "policy violated: require-trusted-types-for"),
        ("document.body.setAttribute('style', 'color: red')", "policy violated: style-src"),
        ("console.error('broken')", "console error: broken"),
        ("Promise.reject(new Error('lost'))", "uncaught error or rejection: lost"),
        ("setTimeout(() => { throw new Error('thrown') })", "uncaught error or rejection: thrown"),
    ],
)
def test_gate_notices_a_fault(pages: Pages, script: str, fault: str) -> None:
    pages.faults.expect("")
    page = pages.open("/")
    # Evaluated code may break the policy; a timer's code is the page's.
    page.evaluate(f"() => {{ setTimeout(() => {{ {script} }}) }}")
    for _ in range(100):
        if any(fault in found for found in pages.faults.found):
            return
        page.wait_for_timeout(20)
    pytest.fail(f"not noticed: {pages.faults.found}")


def test_axe_notices_a_button_without_a_name(pages: Pages) -> None:
    page = pages.open("/")
    page.evaluate("document.body.append(document.createElement('button'))")
    assert any(finding.startswith("button-name: ") for finding in axe(page))
