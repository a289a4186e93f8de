"""`pulse serve` on each engine with many kinds of real clients at once, of which some disconnect early."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.serving import free_ports, serving
from tests.soak.clients import all_clients, run_clients
from tests.soak.ledger import Ledger
from tests.soak.server import Target
from tests.soak.verdict import deliver_unfinished, findings
from tests.storage.sql_backends import SqlBackend

#: Requests per client: enough for every query on a kept and on a new connection.
_STEPS = 40


@pytest.mark.slow
def test_server_survives_all_clients_and_has_each_span_once(backend: SqlBackend, tmp_path: Path) -> None:
    data_dir, ports = tmp_path / "data", free_ports()
    with serving(data_dir, ports, DATABASE_URL=backend.url(data_dir)) as server:
        target = Target(ports.main, ports.otlp_http, ports.otlp_grpc, server.key)
        ledger = Ledger()
        clients = all_clients(target, ledger, seed=1)
        run_clients(clients, ledger, lambda steps: steps < _STEPS)
        deliver_unfinished(ledger)
        assert findings(target, ledger) == []
        for client in clients:
            client.close()
        assert server.stop() == 0
        log = server.log.read_text()
        assert "Traceback" not in log
    backend.check(data_dir)
