"""The running server keeps every promise of its OpenAPI document, checked with generated requests."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from tests.server.serving import Serving, free_ports, serving
from tests.storage.sql_backends import SqlBackend

_CONFIG = Path(__file__).with_name("schemathesis.toml")
_ADMIN_KEY = "a" * 40
_EXAMPLES = 30
#: It would delete the project whose id the further requests have.
_NOT_WITH_KNOWN_IDS = "DELETE /admin/projects/{project_id}"

_PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
_ROW = {
    "trace_id": str(UUID(int=1 << 64 | 5, version=4)),
    "timestamp": "2026-11-30T10:00:00Z",
    "provider": "openai",
    "model_requested": "gpt-4o-mini",
    "request_body": {
        "model": "gpt-4o-mini",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PNG}"}},
                ],
            }
        ],
    },
    "response_body": {"choices": [{"message": {"role": "assistant", "content": "A picture."}}]},
    "status": "success",
    "latency_ms": 812.5,
    "input_tokens": 1000,
    "output_tokens": 20,
    "session_id": "a session",
}


@pytest.mark.slow
def test_server_conforms_to_its_openapi_document(backend: SqlBackend, tmp_path: Path) -> None:
    data_dir, ports = tmp_path / "data", free_ports()
    with serving(data_dir, ports, DATABASE_URL=backend.url(data_dir), ADMIN_KEY=_ADMIN_KEY) as server:
        _check(server, _CONFIG, tmp_path)
        assert server.stop() == 0
    backend.release(data_dir)


@pytest.mark.slow
def test_routes_with_ids_of_stored_rows_conform_to_the_document(backend: SqlBackend, tmp_path: Path) -> None:
    """With random ids, these routes respond 404 only."""
    data_dir, ports = tmp_path / "data", free_ports()
    with serving(data_dir, ports, DATABASE_URL=backend.url(data_dir), ADMIN_KEY=_ADMIN_KEY) as server:
        config = tmp_path / "schemathesis.toml"
        lines = [f'"path.{name}" = "{id}"' for name, id in _known_ids(server).items()]
        config.write_text("\n".join([_CONFIG.read_text(), *lines]))  # its last table is that of parameters
        _check(server, config, tmp_path, "--include-path-regex", "{", "--exclude-name", _NOT_WITH_KNOWN_IDS)
        routes = {
            f"{method.upper()} {path}"
            for path, item in server.get("/openapi.json")["paths"].items()
            for method in item
            if "{" in path
        }
        assert routes - {_NOT_WITH_KNOWN_IDS} - _succeeded(server) == set()
        assert server.stop() == 0
    backend.release(data_dir)


def _check(server: Serving, config: Path, folder: Path, *options: str) -> None:
    # All checks are on by default; the option `--checks all` would revoke the exception in the configuration.
    run = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "--config-file", config),
            *("run", f"{server.url}/openapi.json", "--no-color", "--mode", "all"),
            *("--max-examples", str(_EXAMPLES), "--continue-on-failure", *options),
        ],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(_CONFIG.parents[2]),
            "PULSE_TEST_KEY": server.key,
            "PULSE_TEST_ADMIN_KEY": _ADMIN_KEY,
        },
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-20_000:]


def _known_ids(server: Serving) -> Mapping[str, str]:
    """Store a row and a second project with a key; return their ids by the names of path parameters.

    The requests change and delete what the second project has, not the row.
    """
    _post(server, "/v1/traces/batch", [_ROW], {"Authorization": f"Bearer {server.key}"})
    row = server.get(f"/v1/traces/{_ROW['trace_id']}")
    [message, _] = server.get(f"/v1/traces/{_ROW['trace_id']}/messages")["messages"]
    [digest] = [part["digest"] for part in message["parts"] if part["type"] == "image"]
    admin = {"X-Admin-Key": _ADMIN_KEY}
    project_id = _post(server, "/admin/projects", {"name": "second"}, admin)["projectId"]
    return {
        **{name: row[name] for name in ("trace_id", "session_id", "otel_trace_id", "otel_span_id")},
        "digest": digest,
        "project_id": project_id,
        "key_id": _post(server, f"/admin/projects/{project_id}/keys", {}, admin)["keyId"],
    }


def _post(server: Serving, path: str, body: object, headers: Mapping[str, str]) -> dict[str, Any]:
    request = urllib.request.Request(
        server.url + path,
        json.dumps(body).encode(),
        {"Content-Type": "application/json", **headers},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        return cast("dict[str, Any]", json.load(answer))


def _succeeded(server: Serving) -> set[str]:
    """Return method and path of the routes that had a 2xx response, from the access log."""
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if '"pulse.access"' in line]
    return {f"{line['method']} {line['route']}" for line in lines if line["status"] in range(200, 300)}
