"""Built files: manifest, content codings, caching, and answers without a build."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pulse_web.assets import NOT_BUILT, Assets, best_coding
from pulse_web.pages import page_routes


def build(folder: Path, name: str = "main-A.js") -> None:
    """Write what a build writes: files, compressed files and the manifest."""
    folder.mkdir(exist_ok=True)
    for extension in ("", ".br", ".gz", ".zst"):
        (folder / f"{name}{extension}").write_text(f"{name}{extension}")
    (folder / "style-B.css").write_text("style")
    (folder / "icon-C.svg").write_text("<svg/>")
    manifest = {
        "development": False,
        "script": name,
        "preload": ["chunk-D.js"],
        "styles": ["style-B.css"],
        "icon": "icon-C.svg",
        "files": {name: ["zstd", "br", "gzip"], "style-B.css": [], "icon-C.svg": []},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def client_of(folder: Path, base: str = "/") -> TestClient:
    return TestClient(Starlette(routes=page_routes(base, Assets(folder))))


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (["gzip, deflate, br, zstd"], "zstd"),
        (["gzip", "br"], "br"),
        (["GZIP;q=0.5, br;q=0"], "gzip"),
        (["*"], "zstd"),
        (["*, zstd;q=0.000"], "br"),
        (["identity"], ""),
        ([], ""),
    ],
)
def test_best_coding_is_the_best_accepted_one(accepted: list[str], coding: str) -> None:
    assert best_coding(accepted, ["gzip", "br", "zstd"]) == coding


def test_asset_has_the_accepted_coding_and_is_immutable(tmp_path: Path) -> None:
    build(tmp_path)
    client = client_of(tmp_path)
    with client.stream("GET", "/assets/main-A.js", headers={"Accept-Encoding": "br;q=0.1"}) as answer:
        content = b"".join(answer.iter_raw())
    assert content == b"main-A.js.br"
    assert answer.headers["content-encoding"] == "br"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "Accept-Encoding"


def test_asset_without_coding_is_the_file_itself(tmp_path: Path) -> None:
    build(tmp_path)
    answer = client_of(tmp_path).get("/assets/style-B.css")
    assert (answer.text, "content-encoding" in answer.headers) == ("style", False)


@pytest.mark.parametrize("name", ["manifest.json", "other.js", "main-A.js.br", "..%2Fassets.py"])
def test_file_outside_of_the_manifest_is_not_found(tmp_path: Path, name: str) -> None:
    build(tmp_path)
    assert client_of(tmp_path).get(f"/assets/{name}").status_code == 404


def test_new_build_is_served_without_restart(tmp_path: Path) -> None:
    client = client_of(tmp_path)
    assert client.get("/").status_code == 503
    build(tmp_path)
    assert "main-A.js" in client.get("/").text
    build(tmp_path, "main-Z.js")
    os.utime(tmp_path / "manifest.json", ns=(0, 0))
    assert "main-Z.js" in client.get("/").text
    assert client.get("/assets/main-A.js").status_code == 404


def test_page_without_a_build_names_the_fix(tmp_path: Path) -> None:
    answer = client_of(tmp_path).get("/p/a/calls")
    assert (answer.status_code, answer.text) == (503, f"{NOT_BUILT}\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("manifest", [b"{", b"[]", b'{"script": "main.js"}'])
def test_page_of_an_unreadable_build_names_the_fix(tmp_path: Path, manifest: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(manifest)
    answer = client_of(tmp_path).get("/p/a/calls")
    assert (answer.status_code, answer.text) == (503, f"{NOT_BUILT}\n")
