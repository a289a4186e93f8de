"""Custom prices from end to end: the prices file, a project's own prices, and the cost of a batch."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from pulse_server.app import build_apps
from pulse_server.cli import main
from pulse_server.settings import SettingError, read_settings
from pulse_storage import open_storage

ADMIN_KEY = "an-admin-key-of-more-than-32-characters"
FILE = '[[prices]]\nmodel = "acme-*"\ninput = 1\noutput = 0\n'
OWN = '[[prices]]\nmodel = "acme-1"\ninput = 2\noutput = 0\n'


@pytest.fixture
def environ(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Set the environment of a server and commands: a data directory and a prices file."""
    for name in list(os.environ):
        if name.startswith("PULSE_") or name in ("PORT", "DATABASE_URL", "ADMIN_KEY"):
            monkeypatch.delenv(name)
    (tmp_path / "prices.toml").write_text(FILE)
    environ = {
        "PULSE_DATA_DIR": str(tmp_path / "data"),
        "DATABASE_URL": database_url,
        "PULSE_PRICES_FILE": str(tmp_path / "prices.toml"),
        "ADMIN_KEY": ADMIN_KEY,
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return environ


@pytest.fixture
def client(environ: dict[str, str]) -> Iterator[TestClient]:
    settings = read_settings(environ)
    settings.data_dir.mkdir()
    storage = open_storage(settings.database_url)
    apps = build_apps(settings, storage, None)
    with TestClient(apps.main) as client:
        yield client
    apps.close()
    asyncio.run(storage.close())


def made(client: TestClient) -> dict[str, str]:
    return client.post("/admin/projects", json={"name": "shop"}, headers={"X-Admin-Key": ADMIN_KEY}).json()


def stored(client: TestClient, key: str, number: int, model: str) -> dict[str, Any]:
    trace: dict[str, object] = {
        "trace_id": str(UUID(int=number)),
        "timestamp": "2026-11-23T08:00:00Z",
        "provider": "acme",
        "model_requested": model,
        "request_body": {},
        "status": "success",
        "latency_ms": 1,
        "input_tokens": 1_000_000,
        "output_tokens": 1,
    }
    headers = {"Authorization": f"Bearer {key}"}
    [row] = client.post("/v1/traces/batch", json=[trace], headers=headers).json()["traces"]
    return {name: row[name] for name in ("cost_cents", "cost_source")} | {
        "version": (row["price_version"] or "").partition("@")[0]
    }


def test_project_prices_take_precedence_over_the_file(client: TestClient) -> None:
    project = made(client)
    path = f"/admin/projects/{project['projectId']}/prices"
    headers = {"X-Admin-Key": ADMIN_KEY, "Content-Type": "application/toml"}
    assert client.put(path, content=OWN, headers=headers).status_code == 200
    assert stored(client, project["apiKey"], 1, "acme-1") == {
        "cost_cents": 200.0, "cost_source": "computed", "version": "project",
    }  # fmt: skip
    assert stored(client, project["apiKey"], 2, "acme-2") == {
        "cost_cents": 100.0, "cost_source": "computed", "version": "prices.toml",
    }  # fmt: skip
    assert stored(client, project["apiKey"], 3, "other") == {
        "cost_cents": None, "cost_source": None, "version": "",
    }  # fmt: skip


def test_commands_set_show_and_clear_prices_of_a_server(
    client: TestClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = made(client)
    (tmp_path / "own.toml").write_text(OWN)
    assert main(["prices", "show", "shop"]) == 1
    assert main(["prices", "set", "shop", str(tmp_path / "own.toml")]) == 0
    assert stored(client, project["apiKey"], 1, "acme-1")["version"] == "project"
    capsys.readouterr()
    assert main(["prices", "show", "shop", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    served = client.get(f"/admin/projects/{project['projectId']}/prices", headers={"X-Admin-Key": ADMIN_KEY})
    assert shown["prices"] == served.json()["prices"]
    assert shown["version"] == served.json()["version"]
    assert main(["prices", "show", "shop"]) == 0
    heading, names, row = capsys.readouterr().out.splitlines()
    assert heading.startswith("shop: project@")
    assert names.split() == ["PROVIDER", "MODEL", "FROM", "INPUT", "OUTPUT"]
    assert row.split() == ["*", "acme-1", "always", "2", "0"]
    assert main(["prices", "clear", "shop"]) == 0
    assert main(["prices", "clear", "shop"]) == 1
    assert "has no prices of its own" in capsys.readouterr().err


def test_json_output_of_show_can_be_set_again(
    client: TestClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(client)
    (tmp_path / "own.json").write_text('{"prices": [{"model": "m", "per_call": 0.5}]}')
    assert main(["prices", "set", "shop", str(tmp_path / "own.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["prices"] == [{"model": "m", "per_call": 0.5}]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "cannot be read (No such file or directory); give a readable file"),
        (b"\xff", "is not UTF-8; save it as UTF-8"),
        (b"# " + b"x" * 300_000, "larger than 262144 bytes; use patterns for groups of models"),
        (
            b"\n[[price]]\n",
            "prices is missing; line 2: price is not known; a document has only the list prices",
        ),
        (
            b'[[prices]]\nmodel = "m"\ninput = 1',
            "line 1: prices.0 needs input and output (0 where it is free), or per_call",
        ),
    ],
)
def test_invalid_file_is_a_one_line_error_with_name_and_fix(
    environ: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    error: str,
) -> None:
    path = tmp_path / "prices.toml"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert main(["prices", "set", "shop", str(path)]) == 2
    assert capsys.readouterr().err == f"pulse: {path}: {error}\n"
    storage = open_storage(f"sqlite:///{tmp_path / 'pulse.db'}")
    with pytest.raises(SettingError) as refused:
        build_apps(read_settings(environ), storage, None)
    asyncio.run(storage.close())
    assert str(refused.value) == f"PULSE_PRICES_FILE: {path}: {error}"
    assert main(["doctor"]) == 1
    assert f"FAIL  prices    PULSE_PRICES_FILE: {path}: {error}" in capsys.readouterr().out
