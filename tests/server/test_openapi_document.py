"""The running server keeps every promise of its OpenAPI document, checked with generated requests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.server.serving import free_ports, serving
from tests.storage.sql_backends import SqlBackend

_CONFIG = Path(__file__).with_name("schemathesis.toml")
_ADMIN_KEY = "a" * 40
_EXAMPLES = 30


@pytest.mark.slow
def test_server_conforms_to_its_openapi_document(backend: SqlBackend, tmp_path: Path) -> None:
    data_dir, ports = tmp_path / "data", free_ports()
    with serving(data_dir, ports, DATABASE_URL=backend.url(data_dir), ADMIN_KEY=_ADMIN_KEY) as server:
        run = subprocess.run(
            [
                *(Path(sys.executable).with_name("schemathesis"), "--config-file", _CONFIG),
                *("run", f"{server.url}/openapi.json", "--no-color", "--checks", "all", "--mode", "all"),
                *("--max-examples", str(_EXAMPLES), "--continue-on-failure"),
            ],
            cwd=tmp_path,
            env={**os.environ, "PULSE_TEST_KEY": server.key, "PULSE_TEST_ADMIN_KEY": _ADMIN_KEY},
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stdout[-20_000:]
        assert server.stop() == 0
    backend.release(data_dir)
