"""`pulse backup` during load on the server, and `pulse restore` of the backup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.server.load import Load
from tests.server.serving import environ_for, free_ports, run_pulse, serving


@pytest.mark.slow
def test_backup_under_load_has_all_spans_acknowledged_before(tmp_path: Path) -> None:
    data_dir, copy = tmp_path / "data", tmp_path / "copy.db"
    with serving(data_dir) as server:
        environ = environ_for(data_dir, server.ports)
        load = Load(server.ports, server.key, seed=5)
        load.wait_until_acknowledged()
        acknowledged = set(load.sent.acknowledged)
        made = run_pulse("backup", str(copy), "--json", environ=environ)
        sent = load.stop()
        assert made.returncode == 0, made.stderr
        assert json.loads(made.stdout) == {"file": str(copy), "bytes": copy.stat().st_size}
        again = run_pulse("backup", str(copy), environ=environ)
        assert (again.returncode, again.stdout) == (1, "")
        assert again.stderr == f"pulse: cannot write {copy}: it exists; choose another name, or use --force\n"
        in_use = run_pulse("restore", str(copy), "--replace", environ=environ)
        assert (in_use.returncode, in_use.stderr.count("\n")) == (1, 1)
        assert "another process has it open; stop Pulse first" in in_use.stderr
        key = server.key
    restored_dir, ports = tmp_path / "restored", free_ports()
    environ = environ_for(restored_dir, ports)
    assert run_pulse("restore", str(copy), environ=environ).returncode == 0
    refused = run_pulse("restore", str(copy), environ=environ)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    replaced = run_pulse("restore", str(copy), "--replace", "--json", environ=environ)
    assert replaced.returncode == 0, replaced.stderr
    assert Path(json.loads(replaced.stdout)["movedAside"]).exists()
    with serving(restored_dir, ports, PULSE_API_KEY=key) as server:
        server.printed.append(f"export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20{key}")
        stored = server.stored_spans()
        assert acknowledged <= set(stored)
        assert set(stored) <= {span for keys, _ in sent.requests for span in keys}
        assert len(stored) == len(set(stored))
