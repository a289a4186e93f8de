"""The shell: its addresses, headers, validation by ETag, and the prefix of a reverse proxy."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.web.test_assets import build, client_of

PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "font-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


@pytest.mark.parametrize("path", ["/", "/p/a", "/p/a/calls", "/p/a/traces/0af7?span=1"])
def test_page_of_any_address_is_the_same_shell(tmp_path: Path, path: str) -> None:
    build(tmp_path)
    client = client_of(tmp_path)
    answer = client.get(path)
    assert (answer.status_code, answer.text) == (200, client.get("/").text)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert {name: answer.headers[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    features = answer.headers["permissions-policy"].split(", ")
    assert [feature for feature in features if not feature.endswith("=()")] == ["clipboard-write=(self)"]


def test_shell_with_a_known_etag_is_answered_304(tmp_path: Path) -> None:
    build(tmp_path)
    client = client_of(tmp_path)
    tag = client.get("/").headers["etag"]
    again = client.get("/p/a/calls", headers={"If-None-Match": f'"x", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    build(tmp_path, "main-Z.js")
    assert client_of(tmp_path).get("/", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("path", ["/p/a/v1", "/p/a/v1/nothing", "/q", "/p/"])
def test_address_that_is_no_page_is_not_found(tmp_path: Path, path: str) -> None:
    build(tmp_path)
    assert client_of(tmp_path).get(path).status_code == 404


def test_shell_of_a_prefix_has_its_files_below_the_prefix(tmp_path: Path) -> None:
    build(tmp_path)
    text = client_of(tmp_path, "/ops/pulse/").get("/").text
    assert '<html lang="en" data-base="/ops/pulse/">' in text
    assert 'src="/ops/pulse/assets/main-A.js"' in text
    assert 'href="/ops/pulse/assets/style-B.css"' in text
    assert 'href="/ops/pulse/assets/chunk-D.js"' in text
    assert text.count('="/') == text.count('="/ops/pulse/')
