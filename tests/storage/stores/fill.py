"""Fill one store of each engine and write it, with its answers, into this folder.

Run it when a release ends, to hold later versions to what that release stored:

    .venv/bin/python -m tests.storage.stores.fill NAME

It writes each store (a file of SQLite, SQL of PostgreSQL) and the answers of each as JSON, compressed.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.storage.corpus import corpus
from tests.storage.stores.answers import answers
from tests.storage.test_conformance_events import assemble, part
from tests.support.postgres import own_server
from tests.support.rows import NOON_NS, project, span, step

from pulse_storage import Store, open_storage
from pulse_storage.rows import ProjectPrices

HERE = Path(__file__).parent


async def fill(storage: Store) -> None:
    """Store two projects: calls, wrappers, batch rows, shared bodies, log events, prices and a used key."""
    record, key = project()
    await storage.create_project(record, key)
    other = record._replace(id="q", name="other")
    await storage.create_project(other, key._replace(id="key-q", project_id="q", digest=b"q" * 32))
    await storage.touch_keys([key.id], NOON_NS)
    await storage.put_project_prices("p", ProjectPrices(document='{"prices": []}', updated_ns=NOON_NS))
    await storage.ingest(corpus(7, traces=60), keep_all=True)
    await storage.ingest(corpus(8, traces=20, project_id="q"))
    silent = span(9001, input_preview=None, output_preview=None, finish_reason=None)
    await storage.ingest_events(
        "p", [part(number, silent, f'"part {number}"') for number in (1, 2)], assemble
    )
    await storage.ingest([silent])
    # Log events of a span that has not arrived, and a trace that ends in a later request.
    await storage.ingest_events("p", [part(1, span(9002), '"part 1"')], assemble)
    await storage.ingest([span(9004, trace=9003, parent=9003, session_id=None)])
    await storage.ingest([step(9003, session_id="late", user_id="u9")])


def main(name: str) -> None:
    """Write the four files of this name."""
    with tempfile.TemporaryDirectory() as folder, own_server() as server:
        file = Path(folder) / "pulse.db"
        _write(f"{name}-sqlite.json.gz", asyncio.run(_filled(f"sqlite:///{file}")))
        _write(f"{name}-sqlite.db.gz", file.read_bytes())
        url = server.store("filled")
        _write(f"{name}-postgres.json.gz", asyncio.run(_filled(url)))
        dump = [server.programs / "pg_dump", "--inserts", "--no-owner", url]
        lines = subprocess.run(dump, capture_output=True, check=True, text=True).stdout.splitlines()
        # Lines with a backslash are commands of psql, which newer versions write.
        statements = [line for line in lines if line and not line.startswith(("--", "\\"))]
        _write(f"{name}-postgres.sql.gz", "\n".join(statements).encode())


async def _filled(url: str) -> bytes:
    storage = open_storage(url)
    await fill(storage)
    found = await answers(storage)
    await storage.close()
    return json.dumps(found).encode()


def _write(name: str, content: bytes) -> None:
    (HERE / name).write_bytes(gzip.compress(content, mtime=0))


if __name__ == "__main__":
    main(sys.argv[1])
